import { derBits, derOid, derSequence, derUnsigned, derValue } from '../../bytes/der-write.ts';
import { concat, equal, u32 } from '../../bytes/join.ts';
import type { PublicKey } from '../path/public-key.ts';
import type { CurveName } from './algorithms.ts';
import { curveByName } from './algorithms.ts';
import type { EccKey, RsaKey } from './public.ts';

const RSA_ENCRYPTION = derSequence(derOid('1.2.840.113549.1.1.1'), derValue(0x05));
const EC_PUBLIC_KEY = derOid('1.2.840.10045.2.1');
const CURVE_OID: Readonly<Record<CurveName, Uint8Array>> = {
  'P-256': derOid('1.2.840.10045.3.1.7'),
  'P-384': derOid('1.3.132.0.34'),
  'P-521': derOid('1.3.132.0.35'),
};
const UNCOMPRESSED = new Uint8Array([4]);

/** SubjectPublicKeyInfo (RFC 5280 §4.1.2.7, DER) of a TPM key: RSA as rsaEncryption, EC as an uncompressed point. */
export function spkiOf(key: RsaKey | EccKey): Uint8Array<ArrayBuffer> {
  if (key.type === 'rsa') {
    const numbers = derSequence(derUnsigned(key.modulus), derUnsigned(u32(key.exponent)));
    return derSequence(RSA_ENCRYPTION, derBits(numbers));
  }
  return derSequence(derSequence(EC_PUBLIC_KEY, CURVE_OID[key.curve]), derBits(pointOf(key)));
}

/** 04 || x || y, each of the field's size. */
export function pointOf(key: EccKey): Uint8Array<ArrayBuffer> {
  const { size } = curveByName(key.curve);
  return concat(UNCOMPRESSED, leftPad(key.x, size), leftPad(key.y, size));
}

/** The same key as path validation and signature verification know it. */
export function publicKeyOf(key: RsaKey | EccKey): PublicKey {
  if (key.type === 'ecc') return { kind: 'ec', curve: key.curve, point: pointOf(key) };
  const exponent = u32(key.exponent);
  const first = exponent.findIndex((byte) => byte !== 0);
  return { kind: 'rsa', modulus: key.modulus, exponent: exponent.slice(first), use: 'any' };
}

/** The key in a certificate is this one. */
export function isKeyOf(certified: PublicKey, key: RsaKey | EccKey): boolean {
  return isSameKey(certified, publicKeyOf(key));
}

/** An algorithm identifier that limits a key's use (id-RSAES-OAEP) makes no other key of it. */
export function isSameKey(a: PublicKey, b: PublicKey): boolean {
  if (a.kind === 'ec' && b.kind === 'ec') return a.curve === b.curve && equal(a.point, b.point);
  if (a.kind !== 'rsa' || b.kind !== 'rsa') return false;
  return equal(a.modulus, b.modulus) && equal(a.exponent, b.exponent);
}

export function leftPad(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.length >= size ? bytes : concat(new Uint8Array(size - bytes.length), bytes);
}
