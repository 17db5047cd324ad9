import * as v from 'valibot';
import { base64url } from '../bytes/base64url.ts';
import { readHandle } from '../directory/handle/canonical.ts';
import type { Head } from '../directory/manifest/head.ts';
import { readRecovery, readVeto } from '../directory/recovery/statement.ts';
import { verifyAll } from '../directory/signature.ts';
import { accountOf, ask } from '../http/ask.ts';
import { authenticated } from '../http/authenticated.ts';
import { json } from '../http/body.ts';
import { type AppContext, factory } from '../http/context.ts';
import { digest } from '../http/digest.ts';
import { decoyOf, handleHash } from '../http/handles.ts';
import { problem } from '../http/problem.ts';
import { attestRecovery, type RecoveryFact } from '../http/recoveries.ts';
import { ofRecovery } from '../http/refusals.ts';
import { AccountId } from '../protocol/identity.ts';
import { RecoveryAccess, RecoveryId, RecoveryRequest, VetoRequest } from '../protocol/recovery.ts';

/** Recovery (docs/protocol/directory.md §7). The account that is recovered decides; its devices and handles are told. */
export const recovery = factory
  .createApp()
  .get('/v1/recoveries', authenticated, async (c) => {
    const { account } = c.var.caller;
    const asked = await ask<{ recoveries: RecoveryFact[] }>(c, accountOf(account), { do: 'recovery', step: 'list' });
    if (!asked.ok) return asked.response;
    if (!asked.value.ok) return refused(c, asked.value.reason);
    return c.json({ recoveries: await Promise.all(asked.value.recoveries.map((one) => attestRecovery(c, one))) });
  })
  .post('/v1/recoveries', authenticated, async (c) => {
    const read = await json(c, RecoveryRequest);
    return read.ok ? start(c, read.value.handles) : read.response;
  })
  .post('/v1/recoveries/:recovery/veto', authenticated, async (c) => {
    const read = await json(c, VetoRequest);
    return read.ok ? veto(c, c.req.param('recovery'), read.value.veto) : read.response;
  })
  .post('/v1/recoveries/accounts', async (c) => {
    const read = await json(c, RecoveryAccess);
    return read.ok ? byKey(c, read.value.statement) : read.response;
  });

function refused(c: AppContext, why: string): Response {
  const { slug, reason } = ofRecovery(why);
  return problem(c, slug, reason);
}

/** The caller's claims on these handles, which one account holds, become a recovery: that account says when, and warns its own. */
async function start(c: AppContext, texts: readonly string[]): Promise<Response> {
  const { services, caller } = c.var;
  const read = texts.map((text) => readHandle(text, services.directory.handles));
  const handles = read.flatMap((one) => (one.ok ? [one.handle] : []));
  if (handles.length < texts.length) return problem(c, 'bad-request', 'handle-malformed');
  const held = await Promise.all(
    handles.map(async (handle) => ({
      ...handle,
      hash: handleHash(services, handle.canonical),
      holding: await services.db.handles.holding(handleHash(services, handle.canonical)),
    })),
  );
  // Proved by this account, and all of one other account's: else there is nothing here to recover.
  const [holder, ...others] = new Set(held.map(({ holding }) => holding?.account));
  const proved = held.every(({ holding }) => holding?.claimant === caller.account);
  if (!proved || holder === undefined || others.length > 0) return refused(c, 'recovery-handles');
  const canonical = handles.map((one) => one.canonical);
  const command = { do: 'recovery', step: 'start', by: caller.account, handles: canonical } as const;
  const asked = await ask<RecoveryFact>(c, accountOf(holder), command);
  if (!asked.ok) return asked.response;
  if (!asked.value.ok) return refused(c, asked.value.reason);
  const fact = asked.value;
  for (const { hash } of held) await services.db.handles.contest(hash, holder, caller.account, fact.dueAt);
  return c.json(await attestRecovery(c, fact), 202);
}

/** By the device that asks, under the key that the account's manifest has for it; then the handles are nobody's claim any more. */
async function veto(c: AppContext, name: string, said: string): Promise<Response> {
  const { services, caller } = c.var;
  if (!v.is(RecoveryId, name)) return problem(c, 'bad-request', 'malformed-query');
  const { account, device, key } = caller;
  const plan = readVeto(said, { account, manifest: { devices: [{ id: device, key }] } } as unknown as Head);
  if (!plan.ok) return refused(c, 'signature-invalid');
  const holds = await verifyAll(crypto.subtle, plan.checks);
  const concluded = plan.conclude((_, i) => holds[i] === true);
  if (!concluded.ok || concluded.value.recovery !== name) return refused(c, 'signature-invalid');
  const command = { do: 'recovery', step: 'veto', recovery: name, veto: said };
  const asked = await ask<RecoveryFact & { handles: string[] }>(c, accountOf(account), command);
  if (!asked.ok) return asked.response;
  if (!asked.value.ok) return refused(c, asked.value.reason);
  const fact = asked.value;
  for (const handle of fact.handles)
    await services.db.handles.uncontest(handleHash(services, handle), account, fact.by);
  return c.json(await attestRecovery(c, fact));
}

/** Who shows the recovery key is given the chain that it may extend; a wrong key, and an account that is not there, look the same. */
async function byKey(c: AppContext, statement: string): Promise<Response> {
  const { services } = c.var;
  const plan = readRecovery(statement, services.deployment.origin, services.now());
  if (!plan.ok) return refused(c, 'recovery-refused');
  const holds = await verifyAll(crypto.subtle, plan.checks);
  const asker = plan.conclude((_, i) => holds[i] === true);
  if (!asker.ok) return refused(c, 'recovery-refused');
  const { of, key } = asker.value;
  const command = { do: 'recovery', step: 'by-key', keyHash: base64url(digest(key)) };
  const asked = await ask<{ account: string; manifests: object[] }>(c, accountOf(await named(c, of)), command);
  if (!asked.ok) return asked.response;
  if (!asked.value.ok) return refused(c, 'recovery-refused');
  const { account, manifests } = asked.value;
  return c.json({ account, manifests, serverNow: services.now() });
}

async function named(c: AppContext, of: string): Promise<string> {
  if (v.is(AccountId, of)) return of;
  const { services } = c.var;
  const parsed = readHandle(of, services.directory.handles);
  const hash = handleHash(services, parsed.ok ? parsed.handle.canonical : of);
  return (await services.db.handles.holding(hash))?.account ?? decoyOf(services, hash);
}
