import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';

/** TPM_ALG_ID (Part 2 §6.3): the values this code reads. */
export const ALG = {
  RSA: 0x0001,
  SHA1: 0x0004,
  AES: 0x0006,
  SHA256: 0x000b,
  SHA384: 0x000c,
  SHA512: 0x000d,
  NULL: 0x0010,
  RSASSA: 0x0014,
  RSAES: 0x0015,
  RSAPSS: 0x0016,
  OAEP: 0x0017,
  ECDSA: 0x0018,
  ECDH: 0x0019,
  ECMQV: 0x001d,
  ECC: 0x0023,
  CFB: 0x0043,
} as const;

export type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512';

const HASHES = [
  { name: 'sha1', id: ALG.SHA1, size: 20, digest: sha1, web: 'SHA-1' },
  { name: 'sha256', id: ALG.SHA256, size: 32, digest: sha256, web: 'SHA-256' },
  { name: 'sha384', id: ALG.SHA384, size: 48, digest: sha384, web: 'SHA-384' },
  { name: 'sha512', id: ALG.SHA512, size: 64, digest: sha512, web: 'SHA-512' },
] as const;

export type Hash = (typeof HASHES)[number];

export function hashById(id: number): Hash | null {
  return HASHES.find((hash) => hash.id === id) ?? null;
}

export function hashByName(name: HashName): Hash {
  return HASHES.find((hash) => hash.name === name)!;
}

/** The hash of a PCR bank as people name it (`sha256`), or null. */
export function hashOfBank(name: string): Hash | null {
  return HASHES.find((hash) => hash.name === name) ?? null;
}

/** `size` is the length of a coordinate in bytes; the names are WebCrypto's. */
const CURVES = [
  { name: 'P-256', id: 0x0003, size: 32 },
  { name: 'P-384', id: 0x0004, size: 48 },
  { name: 'P-521', id: 0x0005, size: 66 },
] as const;

export type Curve = (typeof CURVES)[number];
export type CurveName = Curve['name'];

/** TPM_ECC_CURVE (Part 2 §6.4). */
export function curveById(id: number): Curve | null {
  return CURVES.find((curve) => curve.id === id) ?? null;
}

export function curveByName(name: CurveName): Curve {
  return CURVES.find((curve) => curve.name === name)!;
}

/** Signing and encryption schemes (Part 2 §11.2.1, §11.2.3) whose only detail is a hash, or nothing. */
export type SchemeName = 'rsassa' | 'rsapss' | 'rsaes' | 'oaep' | 'ecdsa' | 'ecdh' | 'ecmqv';

const SCHEMES = [
  { name: 'rsassa', id: ALG.RSASSA, key: 'rsa', hashed: true },
  { name: 'rsapss', id: ALG.RSAPSS, key: 'rsa', hashed: true },
  { name: 'rsaes', id: ALG.RSAES, key: 'rsa', hashed: false },
  { name: 'oaep', id: ALG.OAEP, key: 'rsa', hashed: true },
  { name: 'ecdsa', id: ALG.ECDSA, key: 'ecc', hashed: true },
  { name: 'ecdh', id: ALG.ECDH, key: 'ecc', hashed: true },
  { name: 'ecmqv', id: ALG.ECMQV, key: 'ecc', hashed: true },
] as const;

export function schemeById(id: number): (typeof SCHEMES)[number] | null {
  return SCHEMES.find((scheme) => scheme.id === id) ?? null;
}

export function schemeByName(name: SchemeName): (typeof SCHEMES)[number] {
  return SCHEMES.find((scheme) => scheme.name === name)!;
}
