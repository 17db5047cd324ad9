import { concat, equal, lp } from '../bytes/join.ts';
import { fromHex } from '../bytes/hex.ts';
import { sha256 } from '@noble/hashes/sha2.js';

/** One signature that must hold, as data: the rules are synchronous, WebCrypto is not, so the edge verifies between plan and conclusion. */
export interface SignatureCheck {
  readonly algorithm: 'ES256' | 'ES384';
  /** SubjectPublicKeyInfo (DER). */
  readonly key: Uint8Array<ArrayBuffer>;
  readonly data: Uint8Array<ArrayBuffer>;
  /** r || s, fixed length. */
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** What follows if the named signatures hold. `conclude` is the only way to the result. */
export interface Plan<T, R extends string> {
  readonly ok: true;
  readonly checks: readonly SignatureCheck[];
  conclude(holds: (check: SignatureCheck, index: number) => boolean): { ok: true; value: T } | { ok: false; reason: R };
}

/** Names a check across a process boundary, so that an actor can be told which of its own checks were verified outside. */
export function checkId(check: SignatureCheck): Uint8Array {
  return sha256(concat(lp(check.key), lp(check.data), lp(check.signature)));
}

/** The part of SubtleCrypto that verification needs; the pure rooms compile without its type. */
export interface Subtle<K> {
  importKey(
    format: 'spki',
    key: Uint8Array<ArrayBuffer>,
    algorithm: { name: string; namedCurve: string },
    extractable: boolean,
    usages: ['verify'],
  ): Promise<K>;
  verify(
    algorithm: { name: string; hash: string },
    key: K,
    signature: Uint8Array<ArrayBuffer>,
    data: Uint8Array<ArrayBuffer>,
  ): Promise<boolean>;
}

const PARAMETERS = { ES256: ['P-256', 'SHA-256'], ES384: ['P-384', 'SHA-384'] } as const;

/** Verifies every check; a key that cannot be imported (a point off the curve) is a signature that does not hold. */
export function verifyAll<K>(subtle: Subtle<K>, checks: readonly SignatureCheck[]): Promise<boolean[]> {
  return Promise.all(checks.map((check) => verifyOne(subtle, check)));
}

async function verifyOne<K>(subtle: Subtle<K>, { algorithm, key, data, signature }: SignatureCheck): Promise<boolean> {
  const [namedCurve, hash] = PARAMETERS[algorithm];
  try {
    const imported = await subtle.importKey('spki', key, { name: 'ECDSA', namedCurve }, false, ['verify']);
    return await subtle.verify({ name: 'ECDSA', hash }, imported, signature, data);
  } catch {
    return false;
  }
}

/** SubjectPublicKeyInfo of an uncompressed P-256 point (RFC 5480 §2): everything before the 65 bytes of the point. */
const P256_PREFIX = fromHex('3059301306072a8648ce3d020106082a8648ce3d030107034200')!;

/** DER of a P-256 key from its coordinates, 32 bytes each. */
export function p256Spki(x: Uint8Array, y: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(P256_PREFIX, new Uint8Array([4]), x, y);
}

/** True for the one encoding of a P-256 key we accept. Whether the point is on the curve shows when it is imported. */
export function isP256Spki(key: Uint8Array): boolean {
  return key.length === 91 && equal(key.subarray(0, 26), P256_PREFIX) && key[26] === 4;
}
