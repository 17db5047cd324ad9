/** Bodies of sealed messages: signed content under a single-use key, padded so that its length says little. */
import { concat, lp } from '../../bytes/join.ts';
import { SEALED_BODY_MAX_BYTES } from '../../protocol/call.ts';
import type { Bytes, CryptoProvider, SigningKey } from './provider.ts';
import { SIZES } from './provider.ts';

export const PADDING_STEP = 256;
/** Most bytes of a sealed message, header and body: what a mailbox takes. */
export const MESSAGE_BYTES = SEALED_BODY_MAX_BYTES;

const NONCE = new Uint8Array(12);

/** lp(part) for each part, then zeros up to the next multiple of 256. */
export function pad(...parts: readonly Uint8Array[]): Bytes {
  const packed = concat(...parts.map(lp));
  const padded = new Uint8Array(Math.ceil(packed.length / PADDING_STEP) * PADDING_STEP);
  padded.set(packed);
  return padded;
}

/** The parts back, or null unless the bytes are what `pad` makes of exactly `count` parts. */
export function unpad(padded: Bytes, count: number): Bytes[] | null {
  const parts: Bytes[] = [];
  let at = 0;
  while (parts.length < count) {
    if (at + 4 > padded.length) return null;
    const length = new DataView(padded.buffer, padded.byteOffset + at).getUint32(0);
    if (length > padded.length - at - 4) return null;
    parts.push(padded.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
  const exact = padded.length === Math.ceil(at / PADDING_STEP) * PADDING_STEP;
  return exact && padded.subarray(at).every((byte) => byte === 0) ? parts : null;
}

/** What is signed: domain, header (fixed layout), SHA-256 of the content. */
export async function signedBytes(crypto: CryptoProvider, domain: Uint8Array, header: Uint8Array, content: Uint8Array) {
  return concat(domain, header, await crypto.sha256(content));
}

export async function sealBody(
  crypto: CryptoProvider,
  options: { key: Uint8Array; domain: Uint8Array; header: Uint8Array; content: Uint8Array; identity: SigningKey },
): Promise<Bytes> {
  const { key, domain, header, content, identity } = options;
  const signature = await identity.sign(await signedBytes(crypto, domain, header, content));
  return crypto.gcmSeal(key, NONCE, header, pad(signature, content));
}

/** Decrypts; nothing of the result is authentic before `verifyBody`. */
export async function openBody(
  crypto: CryptoProvider,
  key: Uint8Array,
  header: Uint8Array,
  body: Uint8Array,
): Promise<{ signature: Bytes; content: Bytes } | null> {
  const padded = await crypto.gcmOpen(key, NONCE, header, body);
  const parts = padded && unpad(padded, 2);
  if (!parts || parts[0]!.length !== SIZES.signature) return null;
  return { signature: parts[0]!, content: parts[1]! };
}

export async function verifyBody(
  crypto: CryptoProvider,
  options: {
    identityKey: Uint8Array;
    domain: Uint8Array;
    header: Uint8Array;
    content: Uint8Array;
    signature: Uint8Array;
  },
): Promise<boolean> {
  const { identityKey, domain, header, content, signature } = options;
  return crypto.verify(identityKey, await signedBytes(crypto, domain, header, content), signature);
}
