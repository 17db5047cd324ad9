import { concat, equal } from '../../bytes/join.ts';
import type { PublicKey } from '../path/public-key.ts';
import type { CurveName } from './algorithms.ts';
import { curveByName } from './algorithms.ts';
import type { EccKey, RsaKey } from './public.ts';

/** DER object identifiers with tag and length: id-ecPublicKey and rsaEncryption (RFC 3279), curves (RFC 5480). */
const EC_PUBLIC_KEY = new Uint8Array([6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]);
const RSA_ENCRYPTION = new Uint8Array([6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]);
const CURVE_OID: Readonly<Record<CurveName, Uint8Array>> = {
  'P-256': new Uint8Array([6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]),
  'P-384': new Uint8Array([6, 5, 0x2b, 0x81, 4, 0, 0x22]),
  'P-521': new Uint8Array([6, 5, 0x2b, 0x81, 4, 0, 0x23]),
};
const UNCOMPRESSED = new Uint8Array([4]);
const DER_NULL = new Uint8Array([5, 0]);
const SEQUENCE = 0x30;
const INTEGER = 0x02;
const BIT_STRING = 0x03;

/** SubjectPublicKeyInfo (RFC 5280 §4.1.2.7, DER) of a TPM key: RSA as rsaEncryption, EC as an uncompressed point. */
export function spkiOf(key: RsaKey | EccKey): Uint8Array<ArrayBuffer> {
  if (key.type === 'rsa') {
    const content = der(SEQUENCE, integer(key.modulus), integer(bigEndian(key.exponent)));
    return der(SEQUENCE, der(SEQUENCE, RSA_ENCRYPTION, DER_NULL), der(BIT_STRING, new Uint8Array([0]), content));
  }
  const point = concat(new Uint8Array([0]), UNCOMPRESSED, ...coordinates(key));
  return der(SEQUENCE, der(SEQUENCE, EC_PUBLIC_KEY, CURVE_OID[key.curve]), der(BIT_STRING, point));
}

/** x and y, each of the field's size. */
export function coordinates(key: EccKey): [Uint8Array, Uint8Array] {
  const { size } = curveByName(key.curve);
  return [leftPad(key.x, size), leftPad(key.y, size)];
}

/** The same key as path validation and signature verification know it. */
export function publicKeyOf(key: RsaKey | EccKey): PublicKey {
  if (key.type === 'ecc') return { kind: 'ec', curve: key.curve, point: concat(UNCOMPRESSED, ...coordinates(key)) };
  return { kind: 'rsa', modulus: key.modulus, exponent: bigEndian(key.exponent), use: 'any' };
}

/** The key in a certificate is this one; an algorithm identifier that limits its use (id-RSAES-OAEP) makes no other key of it. */
export function isKeyOf(certified: PublicKey, key: RsaKey | EccKey): boolean {
  const own = publicKeyOf(key);
  if (certified.kind === 'ec' && own.kind === 'ec')
    return certified.curve === own.curve && equal(certified.point, own.point);
  if (certified.kind !== 'rsa' || own.kind !== 'rsa') return false;
  return equal(certified.modulus, own.modulus) && equal(certified.exponent, own.exponent);
}

export function leftPad(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.length >= size ? bytes : concat(new Uint8Array(size - bytes.length), bytes);
}

function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const content = concat(...parts);
  return concat(new Uint8Array([tag]), derLength(content.length), content);
}

function derLength(length: number): Uint8Array {
  if (length < 0x80) return new Uint8Array([length]);
  const bytes = bigEndian(length);
  return concat(new Uint8Array([0x80 | bytes.length]), bytes);
}

/** Non-negative INTEGER of big-endian bytes, in its shortest form. */
function integer(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  const value = first < 0 ? new Uint8Array([0]) : bytes.slice(first);
  return der(INTEGER, value[0]! & 0x80 ? concat(new Uint8Array([0]), value) : value);
}

function bigEndian(value: number): Uint8Array {
  const bytes = new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
  return bytes.slice(bytes.findIndex((byte) => byte !== 0));
}
