import type { Address, Json } from '../actors/port.ts';
import type { AppContext } from './context.ts';
import { problem, unavailable } from './problem.ts';

/** What is wrong with an upgrade request before anything in it is verified; CORS does not protect sockets, so Origin is judged here. */
export function upgradeRefusal(c: AppContext): Response | null {
  if (c.req.header('Upgrade')?.toLowerCase() !== 'websocket') {
    c.header('Upgrade', 'websocket');
    return problem(c, 'upgrade-required', 'websocket');
  }
  const origin = c.req.header('Origin');
  const allowed = origin === undefined || c.var.services.deployment.allowedOrigins.includes(origin);
  return allowed ? null : problem(c, 'forbidden', 'origin');
}

/** Offered subprotocols in order; what authenticates a socket travels here, because browsers can set no header and URLs are logged. */
export function subprotocols(c: AppContext): string[] {
  return (c.req.header('Sec-WebSocket-Protocol') ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

/** Hands the socket to its actor. The host says 400 when the handshake is none; one that takes no socket now is `unavailable`. */
export async function upgrade(
  c: AppContext,
  to: Address,
  socket: { readonly tags: readonly string[]; readonly body: Json; readonly protocol: string },
): Promise<Response> {
  return settled(c, await c.var.services.actors.upgrade(to, c.req.raw, socket));
}

/** After a problem that a client must know although no page can read the answer to an upgrade. */
export function turnAway(c: AppContext, protocol: string, code: number): Response {
  const reason = c.var.problem ?? '';
  return settled(c, c.var.services.actors.turnAway(c.req.raw, { code, reason, protocol }));
}

function settled(c: AppContext, answer: Response): Response {
  if (answer.status === 101) return answer;
  return answer.status === 400 ? problem(c, 'bad-request', 'handshake') : unavailable(c, 'unavailable');
}
