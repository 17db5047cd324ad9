import { readHandle } from '../directory/handle/canonical.ts';
import { base64url } from '../bytes/base64url.ts';
import { codeFrom, judgeCode, pendingCode } from '../directory/handle/code.ts';
import { accountOf, ask } from '../http/ask.ts';
import { authenticated } from '../http/authenticated.ts';
import { json } from '../http/body.ts';
import { type AppContext, factory } from '../http/context.ts';
import { claimHandle } from '../http/handle-claim.ts';
import { handleHash, sameForRepeats } from '../http/handles.ts';
import { keepAnswer } from '../http/idempotency.ts';
import { judgeToken } from '../http/oidc.ts';
import { problem, unavailable } from '../http/problem.ts';
import { tooMany } from '../http/rate-limit.ts';
import { ofActor } from '../http/refusals.ts';
import { HandleProof, HandleRelease, HandleStart, HandleVisibility, type OwnHandle } from '../protocol/api.ts';
import { CODE, type HandleMethod } from '../protocol/handle.ts';

const DAY_MS = 86_400_000;
/** In the place of a code: an identity provider's token comes back. */
const BY_TOKEN = 'oidc';

/** Proving that a handle is the account's: a code goes to it, the code comes back. The answer never tells who holds it now. */
export const handles = factory
  .createApp()
  .get('/v1/handles', authenticated, async (c) => {
    const asked = await ask<{ handles: OwnHandle[] }>(c, accountOf(c.var.caller.account), { do: 'handles' });
    if (!asked.ok) return asked.response;
    if (asked.value.ok) return c.json({ handles: asked.value.handles });
    const { slug, reason } = ofActor(asked.value.reason);
    return problem(c, slug, reason);
  })
  .post('/v1/handles', authenticated, async (c) => {
    const read = await json(c, HandleStart);
    if (!read.ok) return read.response;
    return 'issuer' in read.value ? expectToken(c, read.value.issuer) : sendCode(c, read.value.handle);
  })
  .post('/v1/handles/:id/verification', authenticated, async (c) => {
    const read = await json(c, HandleProof);
    if (!read.ok) return read.response;
    const id = c.req.param('id');
    const proved = 'token' in read.value ? await byToken(c, id, read.value) : await byCode(c, id, read.value);
    if (!proved.ok) return proved.response;
    const claimed = await claimHandle(c, proved.handle, proved.method, id);
    if (!claimed.ok) return claimed.response;
    const { answer, kept } = await keepAnswer(c, c.json(claimed.value));
    if (kept) await c.var.services.db.handles.ended(id);
    return answer;
  })
  .post('/v1/handles/visibility', authenticated, async (c) => {
    const read = await json(c, HandleVisibility);
    if (!read.ok) return read.response;
    const parsed = readHandle(read.value.handle, c.var.services.directory.handles);
    if (!parsed.ok) return problem(c, 'bad-request', `handle-${parsed.reason}`);
    const { hidden } = read.value;
    return tell(c, { do: 'hide-handle', handle: parsed.handle.canonical, hidden }, { hidden });
  })
  .post('/v1/handles/releases', authenticated, async (c) => {
    const read = await json(c, HandleRelease);
    if (!read.ok) return read.response;
    const { services, caller } = c.var;
    const parsed = readHandle(read.value.handle, services.directory.handles);
    if (!parsed.ok) return problem(c, 'bad-request', `handle-${parsed.reason}`);
    const handle = parsed.handle.canonical;
    const { to = null } = read.value;
    const released = await services.db.handles.release(
      handleHash(services, handle),
      caller.account,
      services.now(),
      to,
    );
    if (!released) return problem(c, 'not-found', 'handle-not-held');
    return to === null ? tell(c, { do: 'drop-handle', handle }, { to }) : c.json({ to });
  });

async function tell(c: AppContext, command: object, answer: object): Promise<Response> {
  const asked = await ask(c, accountOf(c.var.caller.account), command);
  if (!asked.ok) return asked.response;
  if (asked.value.ok) return c.json(answer);
  const { slug, reason } = ofActor(asked.value.reason);
  return problem(c, slug, reason);
}

/** Null: the account may have one more code. */
async function refusedToSend(c: AppContext, hash: string, test: boolean): Promise<Response | null> {
  const { db, directory, now } = c.var.services;
  const { perAccount, perHandle, perDay } = directory.codes;
  const limit = { burst: perAccount, perMs: DAY_MS / perAccount };
  const asked = await ask(c, accountOf(c.var.caller.account), { do: 'prove', test, limit });
  if (!asked.ok) return asked.response;
  const retryAfterMs = asked.value.ok ? 0 : Number(asked.value['retryAfterMs'] ?? 0);
  if (retryAfterMs > 0) return tooMany(c, 'codes-per-account', { quota: perAccount, windowMs: DAY_MS, retryAfterMs });
  if (!asked.value.ok) {
    const { slug, reason } = ofActor(asked.value.reason);
    return problem(c, slug, reason);
  }
  const sent = await db.handles.sentSince(hash, now() - DAY_MS);
  const later = { windowMs: DAY_MS, retryAfterMs: DAY_MS / perHandle };
  if (sent.handle >= perHandle) return tooMany(c, 'codes-per-handle', { quota: perHandle, ...later });
  return sent.all >= perDay ? tooMany(c, 'codes-per-day', { quota: perDay, ...later }) : null;
}

/** The answer is the same whoever holds the handle, and whether anybody does: nothing here asks. */
async function sendCode(c: AppContext, text: string): Promise<Response> {
  const { services, caller } = c.var;
  const parsed = readHandle(text, services.directory.handles);
  if (!parsed.ok) return problem(c, 'bad-request', `handle-${parsed.reason}`);
  const { canonical: handle, kind } = parsed.handle;
  if (kind === 'external') return problem(c, 'bad-request', 'handle-kind-off');
  const { account, device } = caller;
  const hash = handleHash(services, handle);
  const fixed = services.directory.tests.get(handle);
  const refused = await refusedToSend(c, hash, fixed !== undefined);
  if (refused) return refused;
  const now = services.now();
  const random = sameForRepeats(services, c.var.operation, `${account} ${device} ${handle}`);
  const code = fixed ?? codeFrom(random.subarray(16));
  const { kid, mac, ...pending } = pendingCode(services.keys.handles, { account, device, handle }, code, now);
  const id = base64url(random.subarray(0, 16));
  const row = { id, handle: hash, account, device, code: `${kid}.${mac}`, tries: pending.triesLeft };
  const expiresAt = await services.db.handles.begin({ ...row, expiresAt: pending.expiresAt });
  await services.db.handles.countSent(hash, now);
  if (fixed === undefined && !(await services.codes.send({ kind, handle, code, id }))) {
    c.header('Retry-After', '30');
    return problem(c, 'unavailable', 'code-not-sent');
  }
  return c.json({ id, expiresAt }, 202);
}

/** The id is the nonce that the token must carry: it was made for this account and device, and is used once. */
async function expectToken(c: AppContext, issuer: string): Promise<Response> {
  const { services, caller } = c.var;
  if (!services.directory.issuers.has(issuer)) return problem(c, 'bad-request', 'handle-kind-off');
  const refused = await refusedToSend(c, handleHash(services, `issuer ${issuer} ${caller.account}`), false);
  if (refused) return refused;
  const id = base64url(services.random(16));
  const expiresAt = services.now() + CODE.lifeMs;
  const { account, device } = caller;
  const handle = handleHash(services, `issuer ${issuer}`);
  await services.db.handles.begin({ id, handle, account, device, code: BY_TOKEN, expiresAt, tries: CODE.tries });
  return c.json({ id, expiresAt, nonce: id }, 202);
}

type Proven =
  | { readonly ok: true; readonly handle: string; readonly method: HandleMethod }
  | { readonly ok: false; readonly response: Response };

async function byCode(
  c: AppContext,
  id: string,
  { handle: text, code }: { readonly handle: string; readonly code: string },
): Promise<Proven> {
  const { services, caller } = c.var;
  const parsed = readHandle(text, services.directory.handles);
  if (!parsed.ok) return { ok: false, response: problem(c, 'bad-request', `handle-${parsed.reason}`) };
  const { canonical: handle, kind } = parsed.handle;
  const { account, device } = caller;
  const { handles: codes } = services.db;
  const now = services.now();
  const hash = handleHash(services, handle);
  const wrong = { since: now - DAY_MS + 1, count: await codes.wrongSince(hash, now - DAY_MS) };
  const attempt = await codes.attempt(id, account, now);
  const [kid = '', mac = ''] = attempt?.code.split('.') ?? [];
  const pending =
    attempt?.handle === hash && attempt.device === device
      ? { kid, mac, expiresAt: attempt.expiresAt, triesLeft: attempt.tries + 1 }
      : null;
  const scope = { account, device, handle };
  const { answer } = judgeCode([services.keys.handles], pending, wrong, scope, code, now);
  if (answer === 'wrong') await codes.countWrong(hash, now);
  if (answer !== 'right') return { ok: false, response: problem(c, 'refused', 'code-refused') };
  if (services.directory.tests.has(handle)) return { ok: true, handle, method: 'test' };
  return { ok: true, handle, method: kind === 'external' ? 'oidc' : services.codes.method(kind) };
}

async function byToken(
  c: AppContext,
  id: string,
  { issuer: name, token }: { readonly issuer: string; readonly token: string },
): Promise<Proven> {
  const { services, caller } = c.var;
  const refused = (): Proven => ({ ok: false, response: problem(c, 'refused', 'token-refused') });
  const issuer = services.directory.issuers.get(name);
  const attempt = await services.db.handles.attempt(id, caller.account, services.now());
  const expected = attempt?.code === BY_TOKEN && attempt.device === caller.device;
  if (!issuer || !expected || attempt.handle !== handleHash(services, `issuer ${name}`)) return refused();
  const judged = await judgeToken(issuer, token, id, services.now());
  if (!judged.ok && judged.reason === 'unreachable')
    return { ok: false, response: unavailable(c, 'issuer-unreachable') };
  const parsed = judged.ok ? readHandle(`ext:${name}:${judged.subject}`, services.directory.handles) : null;
  return parsed?.ok ? { ok: true, handle: parsed.handle.canonical, method: 'oidc' } : refused();
}
