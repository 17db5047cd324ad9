import { accountOf, ask } from '../http/ask.ts';
import { authenticated } from '../http/authenticated.ts';
import { json } from '../http/body.ts';
import { type AppContext, factory } from '../http/context.ts';
import { problem } from '../http/problem.ts';
import { exportAccount } from '../http/export.ts';
import { handleHash } from '../http/handles.ts';
import { ofActor, ofRecovery } from '../http/refusals.ts';
import { eraseAccount } from '../jobs/erasure.ts';
import { AccountClosure, HistoryDeletion, PolicyDocument } from '../protocol/api.ts';

const HISTORY_PAGE = 100;

async function tell(
  c: AppContext,
  command: object,
  pick: (value: Record<string, unknown>) => object,
): Promise<Response> {
  const asked = await ask<Record<string, unknown>>(c, accountOf(c.var.caller.account), command);
  if (!asked.ok) return asked.response;
  if (asked.value.ok) return c.json(pick(asked.value));
  const { slug, reason } = ofActor(asked.value.reason);
  return problem(c, slug, reason);
}

function whole(text: string | undefined, most: number): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Math.min(Number(text), most) : null;
}

/** Closes the caller's account, and erases it as far as that goes now; the rest is a chore's. Asked again there is nobody left to ask. */
async function closeAccount(c: AppContext): Promise<Response> {
  const { services, caller, request } = c.var;
  const { account, device } = caller;
  const now = services.now();
  await services.db.personal.request(account, now);
  const asked = await ask(c, accountOf(account), { do: 'close', device, request });
  if (!asked.ok) return asked.response;
  if (!asked.value.ok) {
    await services.db.personal.withdraw(account);
    const { slug, reason } = ofRecovery(asked.value.reason);
    return problem(c, slug, reason);
  }
  const { actors, db } = services;
  const ground = { actors, db, hashOf: (handle: string) => handleHash(services, handle) };
  return c.json({ account, erased: await eraseAccount(ground, account, now) });
}

/** What the account lets ring, and what it remembers of its calls. */
export const account = factory
  .createApp()
  .get('/v1/account/export', authenticated, exportAccount)
  .post('/v1/account/closure', authenticated, async (c) => {
    const read = await json(c, AccountClosure);
    if (!read.ok) return read.response;
    return read.value.account === c.var.caller.account ? closeAccount(c) : problem(c, 'refused', 'account-mismatch');
  })
  .get('/v1/policy', authenticated, (c) => tell(c, { do: 'policy' }, ({ policy }) => policy as object))
  .put('/v1/policy', authenticated, async (c) => {
    const read = await json(c, PolicyDocument);
    return read.ok
      ? tell(c, { do: 'set-policy', policy: read.value }, ({ policy }) => policy as object)
      : read.response;
  })
  .get('/v1/history', authenticated, (c) => {
    const before = whole(c.req.query('before'), Number.MAX_SAFE_INTEGER);
    const limit = whole(c.req.query('limit'), HISTORY_PAGE) ?? HISTORY_PAGE;
    return tell(c, { do: 'history', before, limit }, ({ rows }) => ({ rows }));
  })
  .delete('/v1/history', authenticated, async (c) => {
    const read = await json(c, HistoryDeletion);
    return read.ok
      ? tell(c, { do: 'delete-history', calls: read.value.calls }, ({ deleted }) => ({ deleted }))
      : read.response;
  });
