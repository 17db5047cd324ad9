import { authenticated } from '../http/authenticated.ts';
import { json } from '../http/body.ts';
import { factory } from '../http/context.ts';
import { commitManifest } from '../http/manifests.ts';
import { problem } from '../http/problem.ts';
import { ofManifest } from '../http/refusals.ts';
import { ManifestRequest } from '../protocol/api.ts';

/** POST /v1/manifests: the next version of the caller's own account. The same one again is the same answer. */
export const manifests = factory.createApp().post('/v1/manifests', authenticated, async (c) => {
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
