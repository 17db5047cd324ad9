import { DORMANT_AFTER_MS } from '../actors/account/callable.ts';
import { base64url } from '../bytes/base64url.ts';
import type { Head } from '../directory/manifest/head.ts';
import { judgeBundle, judgeOneTimeKeys, type PublishedKeyReason } from '../directory/published-keys.ts';
import { type Plan, verifyAll } from '../directory/signature.ts';
import { accountOf, ask, deviceOf } from '../http/ask.ts';
import { authenticated } from '../http/authenticated.ts';
import { json } from '../http/body.ts';
import { type AppContext, factory } from '../http/context.ts';
import { problem } from '../http/problem.ts';
import { ofActor, ofPublishedKeys } from '../http/refusals.ts';
import type { KeyStatus } from '../protocol/api.ts';
import { KeyBundle, OneTimeKeys } from '../protocol/bundle.ts';

async function toDevice(c: AppContext, command: object): Promise<Response> {
  const asked = await ask<{ status: KeyStatus }>(c, deviceOf(c.var.caller.device), command);
  if (!asked.ok) return asked.response;
  if (asked.value.ok) return c.json(asked.value.status);
  const { slug, reason } = ofActor(asked.value.reason);
  return problem(c, slug, reason);
}

type Judged<T> = Plan<T, PublishedKeyReason> | { readonly ok: false; readonly reason: PublishedKeyReason };

/** The judgement that callers make of what they are served, made before it is stored: under the head of this moment. */
async function judged<T>(
  c: AppContext,
  judge: (head: Head) => Judged<T>,
): Promise<{ readonly ok: true; readonly value: T } | { readonly ok: false; readonly response: Response }> {
  const asked = await ask<{ head: Head }>(c, accountOf(c.var.caller.account), { do: 'head' });
  if (!asked.ok) return asked;
  const refuse = (reason: Parameters<typeof ofPublishedKeys>[0]) => {
    const refused = ofPublishedKeys(reason);
    return { ok: false as const, response: problem(c, refused.slug, refused.reason) };
  };
  if (!asked.value.ok) return refuse('unknown-device');
  const plan = judge(asked.value.head);
  if (!plan.ok) return refuse(plan.reason);
  const holds = await verifyAll(crypto.subtle, plan.checks);
  const concluded = plan.conclude((_, i) => holds[i] === true);
  return concluded.ok ? { ok: true, value: concluded.value } : refuse(concluded.reason);
}

/** What the caller's device has published: its bundle, its one-time keys, and what is left of them. */
export const keys = factory
  .createApp()
  .put('/v1/keys/bundle', authenticated, async (c) => {
    const read = await json(c, KeyBundle);
    if (!read.ok) return read.response;
    const bundle = read.value;
    const { account, device } = c.var.caller;
    const now = c.var.services.now();
    const accepted = await judged(c, (head) => judgeBundle(head, device, bundle, now, DORMANT_AFTER_MS));
    if (!accepted.ok) return accepted.response;
    const { slug, reason } = ofPublishedKeys('refused-by-age');
    if (accepted.value.freshness !== 'fresh') return problem(c, slug, reason);
    const until = Math.min(bundle.signedPrekey.notBefore, bundle.lastResort.notBefore) + DORMANT_AFTER_MS;
    const answer = await toDevice(c, { do: 'publish', bundle, hash: base64url(accepted.value.hash), until });
    if (answer.ok) await ask(c, accountOf(account), { do: 'published', device, until });
    return answer;
  })
  .post('/v1/keys/one-time', authenticated, async (c) => {
    const read = await json(c, OneTimeKeys);
    if (!read.ok) return read.response;
    const upload = read.value;
    const { device } = c.var.caller;
    const accepted = await judged(c, (head) => judgeOneTimeKeys(head, device, upload, c.var.services.now()));
    return accepted.ok ? toDevice(c, { do: 'one-time', upload }) : accepted.response;
  })
  .delete('/v1/keys/one-time', authenticated, (c) => toDevice(c, { do: 'drop-one-time' }))
  .get('/v1/keys/status', authenticated, (c) => toDevice(c, { do: 'key-status' }));
