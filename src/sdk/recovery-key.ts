import { sha256 } from '@noble/hashes/sha2.js';
import { base32, fromBase32 } from '../bytes/base32.ts';
import { base64url } from '../bytes/base64url.ts';
import { concat, equal } from '../bytes/join.ts';
import { utf8 } from '../bytes/utf8.ts';
import { spkiOf } from './crypto/point.ts';
import type { CryptoProvider, SigningKey } from './crypto/provider.ts';

const LABEL = utf8('callsign/recovery-key/1\0');
const CHECK = utf8('callsign/recovery-text/1\0');
const CHECK_BYTES = 3;

/** A recovery key: what its owner writes down, what the manifest commits to, and the key itself. */
export interface RecoveryKey {
  /** 32 bytes of entropy and a check, base32, in fourteen groups of four. It is the key: show it once, keep it nowhere. */
  readonly text: string;
  /** SHA-256 of its SubjectPublicKeyInfo, base64url. */
  readonly keyHash: string;
  readonly key: SigningKey;
  /** x and y of the public key, base64url. */
  readonly jwk: { readonly x: string; readonly y: string };
}

export function newRecoveryKey(crypto: CryptoProvider): Promise<RecoveryKey> {
  return recoveryKeyFrom(crypto, crypto.random(32));
}

/** The key of 32 secret bytes, which may also come from a passkey's PRF: HKDF-SHA256 to 48 bytes, modulo n - 1, plus 1 (FIPS 186-5 A.2.1). */
export async function recoveryKeyFrom(crypto: CryptoProvider, secret: Uint8Array): Promise<RecoveryKey> {
  // Loaded when a recovery key is made or read: few applications do either at each start.
  const { p256 } = await import('./crypto/p256.ts');
  const wide = await crypto.hkdf(secret, new Uint8Array(), LABEL, 48);
  const order = p256.Point.Fn.ORDER;
  const number = wide.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  const scalar = p256.Point.Fn.toBytes((number % (order - 1n)) + 1n).slice();
  const publicKey = p256.getPublicKey(scalar, false).slice();
  const key = await crypto.restoreSigningKey({ kind: 'scalar', publicKey, scalar });
  const keyHash = base64url(await crypto.sha256(spkiOf(publicKey)));
  const jwk = { x: base64url(publicKey.subarray(1, 33)), y: base64url(publicKey.subarray(33)) };
  return { text: written(secret), keyHash, key, jwk };
}

/** The 32 bytes of a written key; null when it was written down or read wrong. Spaces, dashes and case play no part. */
export function readRecoveryText(text: string): Uint8Array | null {
  const bytes = fromBase32(text.replaceAll(/[\s-]/g, '').toLowerCase());
  if (bytes?.length !== 32 + CHECK_BYTES) return null;
  const secret = bytes.slice(0, 32);
  return equal(bytes.subarray(32), checkOf(secret)) ? secret : null;
}

function written(secret: Uint8Array): string {
  return base32(concat(secret, checkOf(secret))).replaceAll(/(....)(?=.)/g, '$1-');
}

function checkOf(secret: Uint8Array): Uint8Array {
  return sha256(concat(CHECK, secret)).subarray(0, CHECK_BYTES);
}
