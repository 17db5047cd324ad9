import { base64url, fromBase64url } from '../bytes/base64url.ts';
import type { KeySet, PublicJwk } from '../protocol/handle.ts';
import { isP256Spki, p256Spki } from './signature.ts';

/** A P-256 SubjectPublicKeyInfo as a JWK. Throws on another key: a configuration error. */
export function publicJwk(kid: string, spki: Uint8Array): PublicJwk {
  if (!isP256Spki(spki)) throw new TypeError(`key ${kid} is no P-256 key`);
  const x = base64url(spki.subarray(27, 59));
  const y = base64url(spki.subarray(59, 91));
  return { kty: 'EC', crv: 'P-256', x, y, kid, alg: 'ES256', use: 'sig' };
}

/** SubjectPublicKeyInfo of a JWK's coordinates; null when they are not 32 bytes each. */
export function spkiOf({ x, y }: { readonly x: string; readonly y: string }): Uint8Array<ArrayBuffer> | null {
  const [a, b] = [fromBase64url(x), fromBase64url(y)];
  return a?.length === 32 && b?.length === 32 ? p256Spki(a, b) : null;
}

/** The published key set; keys in the order given, the newest first. */
export function keySet(keys: readonly { readonly keyId: string; readonly publicKey: Uint8Array }[]): KeySet {
  return { keys: keys.map(({ keyId, publicKey }) => publicJwk(keyId, publicKey)) };
}
