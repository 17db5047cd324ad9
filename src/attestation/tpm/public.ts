import { concat, u16, u32 } from '../../bytes/join.ts';
import type { Curve, CurveName, HashName, SchemeName } from './algorithms.ts';
import { ALG, curveById, curveByName, hashById, hashByName, schemeById, schemeByName } from './algorithms.ts';
import { reservedClear } from './attributes.ts';
import { TpmReader } from './reader.ts';
import { tpm2b } from './sized.ts';

/** The public area of an RSA or ECC object: TPMT_PUBLIC (Part 2 §12.2.4). Other object types, ciphers and curves are unreadable here. */
export interface PublicArea {
  readonly nameAlg: HashName;
  /** TPMA_OBJECT; see attributes.ts. */
  readonly attributes: number;
  /** Digest of nameAlg's size, or empty. */
  readonly authPolicy: Uint8Array;
  /** AES-CFB key size in bits for storage keys; null for TPM_ALG_NULL. */
  readonly symmetric: 128 | 192 | 256 | null;
  /** null is TPM_ALG_NULL: the caller names the scheme at each use. `hash` is null for RSAES only. */
  readonly scheme: { readonly name: SchemeName; readonly hash: HashName | null } | null;
  readonly key: RsaKey | EccKey;
}

/** TPMS_RSA_PARMS and TPM2B_PUBLIC_KEY_RSA (§12.2.3.5, §11.2.4.5). An exponent of 0 on the wire is 65537 here. */
export interface RsaKey {
  readonly type: 'rsa';
  readonly bits: number;
  readonly exponent: number;
  /** Big-endian; `bits / 8` bytes in a real key, anything in a template. */
  readonly modulus: Uint8Array;
}

/** TPMS_ECC_PARMS and TPMS_ECC_POINT (§12.2.3.6, §11.2.5.2). Coordinates as sent: some TPMs leave leading zeros out. */
export interface EccKey {
  readonly type: 'ecc';
  readonly curve: CurveName;
  /** Key derivation scheme; null for TPM_ALG_NULL. */
  readonly kdf: { readonly id: number; readonly hash: HashName } | null;
  readonly x: Uint8Array;
  readonly y: Uint8Array;
}

export const DEFAULT_EXPONENT = 65537;

/** A public area together with the bytes it was read from; its Name is a hash of those. */
export interface ReadPublic extends PublicArea {
  readonly encoded: Uint8Array;
}

/** TPMT_PUBLIC, whole: a byte too many, a reserved bit or an unknown selector is null. */
export function readPublic(bytes: Uint8Array): ReadPublic | null {
  const reader = new TpmReader(bytes);
  const type = reader.u16();
  const nameAlg = hashById(reader.u16()) ?? reader.refuse();
  const attributes = reader.u32();
  const authPolicy = reader.sized();
  const symmetric = readSymmetric(reader);
  const detail = type === ALG.RSA ? readRsa(reader) : type === ALG.ECC ? readEcc(reader) : reader.refuse();
  if (!nameAlg || !detail || !reader.whole || !reservedClear(attributes)) return null;
  if (authPolicy.length !== 0 && authPolicy.length !== nameAlg.size) return null;
  return { nameAlg: nameAlg.name, attributes, authPolicy, symmetric, ...detail, encoded: bytes };
}

/** TPMT_SYM_DEF_OBJECT (§11.1.7): NULL or AES in CFB mode. */
function readSymmetric(reader: TpmReader): PublicArea['symmetric'] {
  const algorithm = reader.u16();
  if (algorithm === ALG.NULL) return null;
  const bits = reader.u16();
  if (algorithm !== ALG.AES || reader.u16() !== ALG.CFB) return reader.refuse();
  return bits === 128 || bits === 192 || bits === 256 ? bits : reader.refuse();
}

/** TPMT_RSA_SCHEME, TPMT_ECC_SCHEME (§11.2.4.3, §11.2.5.6). */
function readScheme(reader: TpmReader, key: 'rsa' | 'ecc'): PublicArea['scheme'] {
  const id = reader.u16();
  if (id === ALG.NULL) return null;
  const scheme = schemeById(id);
  if (scheme?.key !== key) return reader.refuse();
  if (!scheme.hashed) return { name: scheme.name, hash: null };
  const hash = hashById(reader.u16());
  return hash ? { name: scheme.name, hash: hash.name } : reader.refuse();
}

function readRsa(reader: TpmReader): { scheme: PublicArea['scheme']; key: RsaKey } | null {
  const scheme = readScheme(reader, 'rsa');
  const bits = reader.u16();
  const exponent = reader.u32() || DEFAULT_EXPONENT;
  const modulus = reader.sized();
  if (bits % 8 !== 0 || modulus.length * 8 !== bits || (modulus[0] ?? 0) < 0x80) return reader.refuse();
  return { scheme, key: { type: 'rsa', bits, exponent, modulus } };
}

function readEcc(reader: TpmReader): { scheme: PublicArea['scheme']; key: EccKey } | null {
  const scheme = readScheme(reader, 'ecc');
  const curve = curveById(reader.u16()) ?? reader.refuse();
  const kdf = readKdf(reader);
  const x = reader.sized();
  const y = reader.sized();
  if (!curve || !fits(x, curve) || !fits(y, curve)) return reader.refuse();
  return { scheme, key: { type: 'ecc', curve: curve.name, kdf, x, y } };
}

/** TPMT_KDF_SCHEME (§11.2.3.3): NULL, or an algorithm and its hash. */
function readKdf(reader: TpmReader): EccKey['kdf'] {
  const id = reader.u16();
  if (id === ALG.NULL) return null;
  const hash = hashById(reader.u16());
  return hash ? { id, hash: hash.name } : reader.refuse();
}

function fits(coordinate: Uint8Array, curve: Curve): boolean {
  return coordinate.length > 0 && coordinate.length <= curve.size;
}

/** TPMT_PUBLIC for a template or a comparison; the inverse of `readPublic`. An RSA exponent of 65537 is written as 0, as TPMs do. */
export function encodePublic(area: PublicArea): Uint8Array<ArrayBuffer> {
  const { key } = area;
  return concat(
    u16(key.type === 'rsa' ? ALG.RSA : ALG.ECC),
    u16(hashByName(area.nameAlg).id),
    u32(area.attributes),
    tpm2b(area.authPolicy),
    area.symmetric === null ? u16(ALG.NULL) : concat(u16(ALG.AES), u16(area.symmetric), u16(ALG.CFB)),
    encodeScheme(area.scheme),
    ...(key.type === 'rsa' ? encodeRsa(key) : encodeEcc(key)),
  );
}

function encodeScheme(scheme: PublicArea['scheme']): Uint8Array {
  if (scheme === null) return u16(ALG.NULL);
  const id = u16(schemeByName(scheme.name).id);
  return scheme.hash === null ? id : concat(id, u16(hashByName(scheme.hash).id));
}

function encodeRsa(key: RsaKey): Uint8Array[] {
  return [u16(key.bits), u32(key.exponent === DEFAULT_EXPONENT ? 0 : key.exponent), tpm2b(key.modulus)];
}

function encodeEcc(key: EccKey): Uint8Array[] {
  const kdf = key.kdf ? concat(u16(key.kdf.id), u16(hashByName(key.kdf.hash).id)) : u16(ALG.NULL);
  return [u16(curveByName(key.curve).id), kdf, tpm2b(key.x), tpm2b(key.y)];
}
