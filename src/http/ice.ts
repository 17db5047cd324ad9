import { ICE_QUOTA, type IceReply } from '../protocol/ice.ts';
import { accountOf, ask } from './ask.ts';
import type { AppContext } from './context.ts';
import { problem, unavailable } from './problem.ts';
import { tooMany } from './rate-limit.ts';
import { ofActor } from './refusals.ts';

/** STUN and TURN for a device of this account, within the account's quota. */
export async function iceServers(
  c: AppContext,
  account: string,
  call: string | null,
): Promise<{ ok: true; reply: IceReply } | { ok: false; response: Response }> {
  const { turn, now, log } = c.var.services;
  const asked = await ask(c, accountOf(account), { do: 'take', what: 'ice', limit: ICE_QUOTA });
  if (!asked.ok) return asked;
  if (!asked.value.ok) {
    const { reason, retryAfterMs } = asked.value;
    if (reason === 'too-many') {
      const { burst, perMs } = ICE_QUOTA;
      const reached = { quota: burst, windowMs: burst * perMs, retryAfterMs: Number(retryAfterMs) };
      return { ok: false, response: tooMany(c, 'ice-servers', reached) };
    }
    const { slug, reason: told } = ofActor(reason);
    return { ok: false, response: problem(c, slug, told) };
  }
  const failed = (reason: string) => log({ event: 'turn.failed', request: c.var.request, reason });
  const made = await turn.serversFor({ account, call }, now(), failed);
  if (made === null) return { ok: false, response: unavailable(c, 'relay-unavailable') };
  const { iceServers: servers, expiresAt } = made;
  const plain = servers.map(({ urls, ...rest }) => ({ urls: [...urls], ...rest }));
  return { ok: true, reply: { iceServers: plain, expiresAt, serverNow: now() } };
}
