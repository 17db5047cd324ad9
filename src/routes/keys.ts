import { accountOf, ask, deviceOf } from '../http/ask.ts';
import { authenticated } from '../http/authenticated.ts';
import { json } from '../http/body.ts';
import { type AppContext, factory } from '../http/context.ts';
import { problem } from '../http/problem.ts';
import { ofActor } from '../http/refusals.ts';
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { accountBytes, deviceBytes } from '../directory/account.ts';
import { type BundleOwner, openBundle, openOneTimeKeys, type Signed } from '../directory/bundle.ts';
import { verifyAll } from '../directory/signature.ts';
import { KeyBundle, OneTimeKeys } from '../protocol/bundle.ts';
import type { KeyStatus } from '../protocol/api.ts';

function ownerOf(c: AppContext): BundleOwner {
  const { account, device } = c.var.caller;
  return { account: accountBytes(account) ?? new Uint8Array(), device: deviceBytes(device) ?? new Uint8Array() };
}

/** Whether the caller's identity key signed all of it. */
async function signedByCaller(c: AppContext, signed: readonly Signed[]): Promise<boolean> {
  const key = fromBase64url(c.var.caller.key) ?? new Uint8Array();
  const checks = signed.map(({ message, signature }) => ({
    algorithm: 'ES256' as const,
    key,
    data: message.slice(),
    signature: signature.slice(),
  }));
  return (await verifyAll(crypto.subtle, checks)).every(Boolean);
}

async function toDevice(c: AppContext, command: object): Promise<Response> {
  const asked = await ask<{ status: KeyStatus }>(c, deviceOf(c.var.caller.device), command);
  if (!asked.ok) return asked.response;
  if (asked.value.ok) return c.json(asked.value.status);
  const { slug, reason } = ofActor(asked.value.reason);
  return problem(c, slug, reason);
}

/** What the caller's device has published: its bundle, its one-time keys, and what is left of them. */
export const keys = factory
  .createApp()
  .put('/v1/keys/bundle', authenticated, async (c) => {
    const read = await json(c, KeyBundle);
    if (!read.ok) return read.response;
    const opened = openBundle(ownerOf(c), read.value);
    if (!opened.ok) return problem(c, 'bad-request', opened.reason);
    if (!(await signedByCaller(c, opened.bundle.signed))) return problem(c, 'refused', 'signature-invalid');
    const { account, device } = c.var.caller;
    const answer = await toDevice(c, { do: 'publish', bundle: read.value, hash: base64url(opened.bundle.hash) });
    if (answer.ok) await ask(c, accountOf(account), { do: 'published', device });
    return answer;
  })
  .post('/v1/keys/one-time', authenticated, async (c) => {
    const read = await json(c, OneTimeKeys);
    if (!read.ok) return read.response;
    const opened = openOneTimeKeys(ownerOf(c), read.value);
    if (!opened.ok) return problem(c, 'bad-request', opened.reason);
    if (!(await signedByCaller(c, [opened.signed]))) return problem(c, 'refused', 'signature-invalid');
    return toDevice(c, { do: 'one-time', upload: read.value });
  })
  .get('/v1/keys/status', authenticated, (c) => toDevice(c, { do: 'key-status' }));
