/** Public keys and signature algorithms as certificates name them (RFC 3279, 4055, 5480, 8410, 9881). */
import {
  type Der,
  isNull,
  isUniversal,
  oid,
  readDer,
  sequence,
  smallInteger,
  TAG,
  unsignedInteger,
  wholeBits,
} from '../../bytes/der.ts';

export type Curve = 'P-256' | 'P-384' | 'P-521';
export type Hash = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';

export type PublicKey =
  /** `point` is uncompressed: 04 || x || y. */
  | { readonly kind: 'ec'; readonly curve: Curve; readonly point: Uint8Array }
  /** Big-endian without leading zeros. `use` is what the key's own algorithm identifier limits it to. */
  | {
      readonly kind: 'rsa';
      readonly modulus: Uint8Array;
      readonly exponent: Uint8Array;
      readonly use: 'any' | 'pss' | 'oaep';
    }
  | { readonly kind: 'ed25519'; readonly raw: Uint8Array }
  | { readonly kind: 'ml-dsa'; readonly parameters: 44 | 65 | 87; readonly raw: Uint8Array }
  /** Recognized as a key, usable for nothing; `algorithm` is the OID, for EC the curve's. */
  | { readonly kind: 'unknown'; readonly algorithm: string };

export type SignatureAlgorithm =
  | { readonly kind: 'ecdsa'; readonly hash: Hash }
  | { readonly kind: 'rsa-pkcs1'; readonly hash: Hash }
  | { readonly kind: 'rsa-pss'; readonly hash: Hash; readonly saltLength: number }
  | { readonly kind: 'ed25519' }
  | { readonly kind: 'ml-dsa'; readonly parameters: 44 | 65 | 87 }
  | { readonly kind: 'unknown'; readonly algorithm: string };

const CURVES: Readonly<Record<string, { readonly curve: Curve; readonly size: number }>> = {
  '1.2.840.10045.3.1.7': { curve: 'P-256', size: 32 },
  '1.3.132.0.34': { curve: 'P-384', size: 48 },
  '1.3.132.0.35': { curve: 'P-521', size: 66 },
};

const ML_DSA: Readonly<Record<string, 44 | 65 | 87>> = {
  '2.16.840.1.101.3.4.3.17': 44,
  '2.16.840.1.101.3.4.3.18': 65,
  '2.16.840.1.101.3.4.3.19': 87,
};

const HASHES: Readonly<Record<string, Hash>> = {
  '1.3.14.3.2.26': 'SHA-1',
  '2.16.840.1.101.3.4.2.1': 'SHA-256',
  '2.16.840.1.101.3.4.2.2': 'SHA-384',
  '2.16.840.1.101.3.4.2.3': 'SHA-512',
};

const ECDSA: Readonly<Record<string, Hash>> = {
  '1.2.840.10045.4.1': 'SHA-1',
  '1.2.840.10045.4.3.2': 'SHA-256',
  '1.2.840.10045.4.3.3': 'SHA-384',
  '1.2.840.10045.4.3.4': 'SHA-512',
};

const RSA_PKCS1: Readonly<Record<string, Hash>> = {
  '1.2.840.113549.1.1.5': 'SHA-1',
  '1.2.840.113549.1.1.11': 'SHA-256',
  '1.2.840.113549.1.1.12': 'SHA-384',
  '1.2.840.113549.1.1.13': 'SHA-512',
};

const RSA_ENCRYPTION = '1.2.840.113549.1.1.1';
const RSAES_OAEP = '1.2.840.113549.1.1.7';
const RSASSA_PSS = '1.2.840.113549.1.1.10';
const MGF1 = '1.2.840.113549.1.1.8';
const EC_PUBLIC_KEY = '1.2.840.10045.2.1';
const ED25519 = '1.3.101.112';

/** Own entries only: an OID from evidence never reaches a prototype. */
function lookup<T>(table: Readonly<Record<string, T>>, key: string): T | null {
  return Object.hasOwn(table, key) ? table[key]! : null;
}

export function hashByOid(id: string): Hash | null {
  return lookup(HASHES, id);
}

export function readSpki(spki: Uint8Array): PublicKey | null {
  return publicKey(readDer(spki));
}

/** SubjectPublicKeyInfo (RFC 5280 §4.1.2.7); null is malformed, `unknown` is well-formed but of no kind we use. */
export function publicKey(spki: Der | null): PublicKey | null {
  const [algorithm, bits, ...rest] = sequence(spki) ?? [];
  const [id, parameters, ...more] = sequence(algorithm) ?? [];
  const name = oid(id);
  const raw = wholeBits(bits);
  if (name === null || raw === null || rest.length > 0 || more.length > 0) return null;
  if (name === EC_PUBLIC_KEY) return ecKey(parameters, raw);
  if (name === RSA_ENCRYPTION) return isNull(parameters) || parameters === undefined ? rsaKey(raw, 'any') : null;
  if (name === RSASSA_PSS) return rsaKey(raw, 'pss');
  if (name === RSAES_OAEP) return rsaKey(raw, 'oaep');
  if (name === ED25519) return parameters === undefined && raw.length === 32 ? { kind: 'ed25519', raw } : null;
  const set = lookup(ML_DSA, name);
  return set === null ? { kind: 'unknown', algorithm: name } : mlDsaKey(set, parameters, raw);
}

/** RFC 5480 §2.1: a named curve; the point uncompressed and of the curve's size. Whether it is on the curve shows at import. */
function ecKey(parameters: Der | undefined, point: Uint8Array): PublicKey | null {
  const id = oid(parameters);
  if (id === null) return { kind: 'unknown', algorithm: EC_PUBLIC_KEY };
  const curve = lookup(CURVES, id);
  if (curve === null) return { kind: 'unknown', algorithm: id };
  if (point[0] !== 4 || point.length !== 1 + 2 * curve.size) return null;
  return { kind: 'ec', curve: curve.curve, point };
}

function rsaKey(raw: Uint8Array, use: 'any' | 'pss' | 'oaep'): PublicKey | null {
  const [modulus, exponent, ...rest] = sequence(readDer(raw)) ?? [];
  const n = unsignedInteger(modulus);
  const e = unsignedInteger(exponent);
  return n === null || e === null || rest.length > 0 ? null : { kind: 'rsa', modulus: n, exponent: e, use };
}

const ML_DSA_SIZE = { 44: 1312, 65: 1952, 87: 2592 } as const;

function mlDsaKey(parameters: 44 | 65 | 87, extra: Der | undefined, raw: Uint8Array): PublicKey | null {
  return extra === undefined && raw.length === ML_DSA_SIZE[parameters] ? { kind: 'ml-dsa', parameters, raw } : null;
}

/** AlgorithmIdentifier of a signature; null is malformed. */
export function signatureAlgorithm(value: Der | undefined): SignatureAlgorithm | null {
  const [id, parameters, ...rest] = sequence(value) ?? [];
  const name = oid(id);
  if (name === null || rest.length > 0) return null;
  if (name === RSASSA_PSS) return pss(parameters);
  const rsa = lookup(RSA_PKCS1, name);
  if (rsa !== null) return parameters === undefined || isNull(parameters) ? { kind: 'rsa-pkcs1', hash: rsa } : null;
  const ecdsa = lookup(ECDSA, name);
  const set = lookup(ML_DSA, name);
  if (ecdsa === null && set === null && name !== ED25519) return { kind: 'unknown', algorithm: name };
  // RFC 5758 §3.2 wants no parameters; Intel's TPM root has a NULL.
  if (ecdsa !== null) return parameters === undefined || isNull(parameters) ? { kind: 'ecdsa', hash: ecdsa } : null;
  if (parameters !== undefined) return null;
  return set === null ? { kind: 'ed25519' } : { kind: 'ml-dsa', parameters: set };
}

/** RSASSA-PSS-params (RFC 4055 §3.1): one hash for message and mask; the defaults are SHA-1 and 20. */
function pss(value: Der | undefined): SignatureAlgorithm | null {
  const fields = sequence(value);
  if (fields === null) return null;
  let hash: Hash | null = 'SHA-1';
  let mask: Hash | null = 'SHA-1';
  let saltLength: number | null = 20;
  let previous = -1;
  for (const field of fields) {
    const inner = field.children[0];
    if (field.class !== 'context' || field.tag <= previous || field.children.length !== 1) return null;
    previous = field.tag;
    if (field.tag === 0) hash = digest(inner);
    else if (field.tag === 1) mask = maskDigest(inner);
    else if (field.tag === 2) saltLength = smallInteger(inner);
    else if (field.tag !== 3 || smallInteger(inner) !== 1) return null;
  }
  if (hash === null || mask !== hash || saltLength === null || saltLength > 255) return null;
  return { kind: 'rsa-pss', hash, saltLength };
}

/** AlgorithmIdentifier of a hash, parameters NULL or absent. */
export function digest(value: Der | undefined): Hash | null {
  const [id, parameters, ...rest] = sequence(value) ?? [];
  const name = oid(id);
  if (name === null || rest.length > 0 || (parameters !== undefined && !isUniversal(parameters, TAG.null))) return null;
  return hashByOid(name);
}

function maskDigest(value: Der | undefined): Hash | null {
  const [id, parameters, ...rest] = sequence(value) ?? [];
  return oid(id) === MGF1 && rest.length === 0 ? digest(parameters) : null;
}
