/** Evidence as it is kept: whole, with what it was judged against, so that it can be judged again from this alone. */
import * as v from 'valibot';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { concat } from '../../bytes/join.ts';
import { fromUtf8, utf8 } from '../../bytes/utf8.ts';
import type { Evidence, Expected } from '../format.ts';
import { KEY_HARDWARE } from '../verdict.ts';

export interface Case {
  readonly evidence: Evidence;
  readonly expected: Expected;
}

/** Sealed forms by their first byte: this one is version 2, nonce[12], AES-256-GCM with the row's id as additional data. */
const VERSION = 2;
const NONCE = 12;

const expectedSchema = v.object({
  transcript: v.string(),
  identityKey: v.string(),
  now: v.number(),
  rpId: v.string(),
  origins: v.array(v.string()),
  activation: v.optional(
    v.object({ nonce: v.string(), endorsementKey: v.string(), attestationKey: v.string(), proof: v.string() }),
  ),
  voucher: v.optional(
    v.object({ deviceId: v.string(), identityKey: v.string(), attestedKeyHardware: v.picklist(KEY_HARDWARE) }),
  ),
});
const caseSchema = v.object({ evidence: v.looseObject({ format: v.string() }), expected: expectedSchema });

/** `secret`: 32 bytes; `id`: the name under which it is kept; `nonce`: 12 fresh bytes. */
export async function sealCase(
  secret: Uint8Array,
  id: string,
  { evidence, expected }: Case,
  nonce: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const { transcript, identityKey, now, rpId, origins, activation, voucher } = expected;
  const kept: v.InferInput<typeof expectedSchema> = {
    transcript: base64url(transcript),
    identityKey: base64url(identityKey),
    now,
    rpId,
    origins: [...origins],
    ...(activation !== undefined && { activation }),
    ...(voucher !== undefined && { voucher: { ...voucher, identityKey: base64url(voucher.identityKey) } }),
  };
  const text = utf8(JSON.stringify({ evidence, expected: kept }));
  const key = await keyOf(secret);
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce, additionalData: utf8(id) }, key, text);
  return concat(Uint8Array.of(VERSION), nonce, new Uint8Array(sealed));
}

/** Null for what was not sealed like this, under this key and for this id. */
export async function openCase(secret: Uint8Array, id: string, sealed: Uint8Array): Promise<Case | null> {
  if (sealed[0] !== VERSION) return null;
  const iv = sealed.slice(1, 1 + NONCE);
  const text = await crypto.subtle
    .decrypt({ name: 'AES-GCM', iv, additionalData: utf8(id) }, await keyOf(secret), sealed.slice(1 + NONCE))
    .catch(() => null);
  const json = text === null ? null : fromUtf8(new Uint8Array(text));
  const read = json === null ? null : v.safeParse(caseSchema, JSON.parse(json));
  if (!read?.success) return null;
  const { evidence, expected } = read.output;
  const { transcript, identityKey, activation, voucher, ...rest } = expected;
  const [challenge, key] = [fromBase64url(transcript), fromBase64url(identityKey)];
  const voucherKey = voucher === undefined ? new Uint8Array() : fromBase64url(voucher.identityKey);
  if (challenge === null || key === null || voucherKey === null) return null;
  const found = {
    ...rest,
    transcript: challenge,
    identityKey: key,
    ...(activation !== undefined && { activation }),
    ...(voucher !== undefined && { voucher: { ...voucher, identityKey: voucherKey } }),
  };
  return { evidence, expected: found };
}

function keyOf(secret: Uint8Array): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', secret.slice(), 'AES-GCM', false, ['encrypt', 'decrypt']);
}
