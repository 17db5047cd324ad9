import * as v from 'valibot';
import { accountOf, ask } from '../http/ask.ts';
import { authenticated } from '../http/authenticated.ts';
import { json } from '../http/body.ts';
import { factory } from '../http/context.ts';
import { commitManifest } from '../http/manifests.ts';
import { problem } from '../http/problem.ts';
import { ofManifest } from '../http/refusals.ts';
import { ManifestRequest } from '../protocol/api.ts';
import { AccountId } from '../protocol/identity.ts';

/** Reading a chain, and writing the next version of one's own: the same one again is the same answer. */
export const manifests = factory
  .createApp()
  .get('/v1/accounts/:account/manifests', authenticated, async (c) => {
    const name = c.req.param('account');
    const after = Number(c.req.query('after') ?? '0');
    if (!v.is(AccountId, name) || !Number.isSafeInteger(after) || after < 0)
      return problem(c, 'bad-request', 'malformed-query');
    const asked = await ask<{ manifests: unknown[] }>(c, accountOf(name), { do: 'manifests', after });
    if (!asked.ok) return asked.response;
    return c.json({ manifests: asked.value.ok ? asked.value.manifests : [] });
  })
  .post('/v1/manifests', authenticated, async (c) => {
    const read = await json(c, ManifestRequest);
    if (!read.ok) return read.response;
    const committed = await commitManifest(c, c.var.caller.account, read.value.manifest);
    if (!committed.ok) return committed.response;
    if (!committed.value.ok) {
      const { slug, reason } = ofManifest(committed.value.reason);
      return problem(c, slug, reason);
    }
    const { account, version, hash } = committed.value;
    return c.json({ account, version, hash });
  });
