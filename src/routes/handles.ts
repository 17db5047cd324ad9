import { base64url } from '../bytes/base64url.ts';
import { readHandle } from '../directory/handle/canonical.ts';
import { codeFrom, judgeCode, pendingCode } from '../directory/handle/code.ts';
import { commitmentOf } from '../directory/handle/commitment.ts';
import { accountOf, ask } from '../http/ask.ts';
import { authenticated } from '../http/authenticated.ts';
import { json } from '../http/body.ts';
import { factory } from '../http/context.ts';
import { handleHash, HANDLE_RULES, saltOf } from '../http/handles.ts';
import { problem } from '../http/problem.ts';
import { ofActor } from '../http/refusals.ts';
import { CodeRequest, HandleRequest, type OwnHandle } from '../protocol/api.ts';

const DAY_MS = 86_400_000;

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
    const read = await json(c, HandleRequest);
    if (!read.ok) return read.response;
    const parsed = readHandle(read.value.handle, HANDLE_RULES);
    if (!parsed.ok) return problem(c, 'bad-request', `handle-${parsed.reason}`);
    const { services } = c.var;
    const { account, device } = c.var.caller;
    const handle = parsed.handle.canonical;
    const now = services.now();
    const code = codeFrom(services.random(8));
    const pending = pendingCode(services.keys.handles, { account, device, handle }, code, now);
    const id = base64url(services.random(16));
    const row = {
      id,
      handle: handleHash(services, handle),
      account,
      device,
      code: `${pending.kid}.${pending.mac}`,
      expiresAt: pending.expiresAt,
      tries: pending.triesLeft,
    };
    await services.db.handles.begin(row);
    await services.codes.send(handle, code);
    return c.json({ id, expiresAt: pending.expiresAt }, 202);
  })
  .post('/v1/handles/:id/verification', authenticated, async (c) => {
    const read = await json(c, CodeRequest);
    if (!read.ok) return read.response;
    const parsed = readHandle(read.value.handle, HANDLE_RULES);
    if (!parsed.ok) return problem(c, 'bad-request', `handle-${parsed.reason}`);
    const { services } = c.var;
    const { account, device } = c.var.caller;
    const now = services.now();
    const handle = parsed.handle.canonical;
    const hash = handleHash(services, handle);
    const wrong = { since: now - DAY_MS + 1, count: await services.db.handles.wrongSince(hash, now - DAY_MS) };
    const attempt = await services.db.handles.attempt(c.req.param('id'), account, now);
    const [kid = '', mac = ''] = attempt?.code.split('.') ?? [];
    const pending =
      attempt?.handle === hash && attempt.device === device
        ? { kid, mac, expiresAt: attempt.expiresAt, triesLeft: attempt.tries + 1 }
        : null;
    const { answer } = judgeCode(
      [services.keys.handles],
      pending,
      wrong,
      { account, device, handle },
      read.value.code,
      now,
    );
    if (answer === 'wrong') await services.db.handles.countWrong(hash, now);
    if (answer !== 'right') return problem(c, 'refused', 'code-refused');
    const attached = await services.db.handles.attach(
      hash,
      { account, verifiedAt: now, method: 'inbox' },
      c.var.request,
    );
    if (!attached.ok) return problem(c, 'conflict', 'handle-held');
    const salt = saltOf(services, account, handle);
    const fact = {
      handle,
      salt: base64url(salt),
      commitment: commitmentOf(salt, handle),
      method: 'inbox',
      verifiedAt: now,
    };
    const kept = await ask<OwnHandle>(c, accountOf(account), { do: 'handle', ...fact });
    if (!kept.ok) return kept.response;
    if (!kept.value.ok) {
      const { slug, reason } = ofActor(kept.value.reason);
      return problem(c, slug, reason);
    }
    await services.db.handles.ended(c.req.param('id'));
    return c.json({ handle, commitment: kept.value.commitment, salt: kept.value.salt, verifiedAt: now });
  });
