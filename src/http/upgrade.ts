import type { AppContext } from './context.ts';
import { problem } from './problem.ts';

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
