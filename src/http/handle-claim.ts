import { base64url } from '../bytes/base64url.ts';
import type { Holding } from '../db/repositories.ts';
import { commitmentOf } from '../directory/handle/commitment.ts';
import type { OwnHandle } from '../protocol/api.ts';
import type { HandleMethod } from '../protocol/handle.ts';
import { accountOf, ask } from './ask.ts';
import type { AppContext } from './context.ts';
import { handleHash, saltOf } from './handles.ts';
import { problem, unavailable } from './problem.ts';
import { ofActor } from './refusals.ts';

/** The caller has proved the handle (canonical) just now: it is his, or from when on it may be. `claim` names the proof. */
export async function claimHandle(
  c: AppContext,
  handle: string,
  method: HandleMethod,
  claim: string,
): Promise<{ readonly ok: true; readonly value: OwnHandle } | { readonly ok: false; readonly response: Response }> {
  const { services, caller, request } = c.var;
  const { handles } = services.db;
  const { account } = caller;
  const hash = handleHash(services, handle);
  const verifiedAt = services.now();
  const { quarantineMs } = services.directory;
  const attach = () => handles.attach(hash, { account, verifiedAt, method }, request, quarantineMs);
  // 1. Free, our own, given to us or claimed for long enough: the directory knows.
  const before = await handles.holding(hash);
  let attached = await attach();
  if (!attached.ok) {
    // 2. Another account holds it: it says when it may be ours, and its devices hear of it. That is written before it counts.
    const held = await handles.holding(hash);
    const told = held === null ? { ok: true as const, value: null } : await claimableFrom(c, handle, held, claim);
    if (!told.ok) return told;
    const until = told.value ?? verifiedAt;
    if (held) await handles.contest(hash, held.account, account, until);
    attached = until <= verifiedAt ? await attach() : attached;
    if (!attached.ok) {
      c.header('Retry-After', String(Math.max(1, Math.ceil((until - verifiedAt) / 1_000))));
      return { ok: false, response: problem(c, 'conflict', 'handle-held', { until }) };
    }
  }
  // 3. Who had it forgets it, and tells its devices.
  if (before && before.account !== account)
    await ask(c, accountOf(before.account), { do: 'handle-lost', handle, claim });
  // 4. The account keeps the salt; its next manifest is to carry the commitment.
  const salt = saltOf(services, account, handle);
  const fact = { handle, salt: base64url(salt), commitment: commitmentOf(salt, handle), method, verifiedAt };
  const kept = await ask<OwnHandle>(c, accountOf(account), { do: 'handle', ...fact });
  if (!kept.ok) return kept;
  if (!kept.value.ok) {
    const { slug, reason } = ofActor(kept.value.reason);
    return { ok: false, response: problem(c, slug, reason) };
  }
  const { commitment, salt: keptSalt, hidden } = kept.value;
  return { ok: true, value: { handle, commitment, salt: keptSalt, verifiedAt, hidden } };
}

/** The time of an earlier claim stays; else the quarantine of what was given up, or the holder's own word. Null: this proof will do. */
async function claimableFrom(
  c: AppContext,
  handle: string,
  held: Holding,
  claim: string,
): Promise<{ ok: true; value: number | null } | { ok: false; response: Response }> {
  if (held.claimant === c.var.caller.account && held.claimUntil !== null) return { ok: true, value: held.claimUntil };
  const { quarantineMs } = c.var.services.directory;
  if (held.releasedAt !== null) return { ok: true, value: held.releasedAt + quarantineMs };
  const question = { do: 'handle-contested', handle, claim, quarantineMs };
  const told = await ask<{ until: number | null }>(c, accountOf(held.account), question);
  if (!told.ok) return told;
  if (told.value.ok) return { ok: true, value: told.value.until };
  // An account that is not there any more holds nothing.
  if (told.value.reason === 'unknown-account') return { ok: true, value: null };
  return { ok: false, response: unavailable(c, 'unavailable') };
}
