/** COSE_Key of a WebAuthn credential (RFC 9052 §7, RFC 9053, WebAuthn L3 §6.5.1.1) -> SubjectPublicKeyInfo in DER. */
import type { Cbor, CborMap } from '../../bytes/cbor.ts';
import { cborBytes } from '../../bytes/cbor.ts';
import { concat } from '../../bytes/join.ts';
import { fromHex } from '../../bytes/hex.ts';

export type CoseKey =
  | { readonly ok: true; readonly algorithm: number; readonly spki: Uint8Array<ArrayBuffer> }
  /** `malformed`: not a key; `signature-algorithm`: RS1; `algorithm-unavailable`: registered, but no runtime here verifies it. */
  | { readonly ok: false; readonly reason: 'malformed' | 'signature-algorithm' | 'algorithm-unavailable' };

const MALFORMED = { ok: false, reason: 'malformed' } as const;
const UNAVAILABLE = { ok: false, reason: 'algorithm-unavailable' } as const;

const WEAK = { ok: false, reason: 'signature-algorithm' } as const;

const OKP = 1;
const EC2 = 2;
const RSA = 3;

interface Curve {
  readonly id: number;
  readonly size: number;
  /** AlgorithmIdentifier, DER. */
  readonly identifier: Uint8Array;
}

const EC_PREFIX = '06072a8648ce3d0201';
const P256: Curve = { id: 1, size: 32, identifier: fromHex(`3013${EC_PREFIX}06082a8648ce3d030107`)! };
const P384: Curve = { id: 2, size: 48, identifier: fromHex(`3010${EC_PREFIX}06052b81040022`)! };
const P521: Curve = { id: 3, size: 66, identifier: fromHex(`3010${EC_PREFIX}06052b81040023`)! };
const ED25519 = fromHex('300506032b6570')!;
const RSA_ENCRYPTION = fromHex('300d06092a864886f70d0101010500')!;

/** WebAuthn ties each EC2 algorithm to one curve: ES256/384/512 and ESP256/384/512 (RFC 9864). */
const CURVES: Readonly<Record<number, Curve>> = {
  [-7]: P256,
  [-9]: P256,
  [-35]: P384,
  [-51]: P384,
  [-36]: P521,
  [-52]: P521,
};
const RS1 = -65535;
/** RS256/384/512 and PS256/384/512. */
const RSA_ALGORITHMS: ReadonlySet<number> = new Set([-257, -258, -259, -37, -38, -39]);
/** EdDSA and Ed25519 (RFC 9864). */
const ED25519_ALGORITHMS: ReadonlySet<number> = new Set([-8, -19]);
/** Ed448, ML-DSA-44/65/87 and ES256K: registered for COSE, verified by none of our runtimes. */
const UNAVAILABLE_ALGORITHMS: ReadonlySet<number> = new Set([-53, -48, -49, -50, -47]);

/** Exactly the members that §6.5.1.1 names, each of its exact size; optional COSE members are refused. */
export function readCoseKey(key: CborMap): CoseKey {
  const algorithm = key.get(3);
  if (typeof algorithm !== 'number') return MALFORMED;
  if (algorithm === RS1) return WEAK;
  if (UNAVAILABLE_ALGORITHMS.has(algorithm)) return UNAVAILABLE;
  switch (key.get(1)) {
    case EC2:
      return ec2(key, algorithm);
    case RSA:
      return rsa(key, algorithm);
    case OKP:
      return okp(key, algorithm);
    default:
      return MALFORMED;
  }
}

function ec2(key: CborMap, algorithm: number): CoseKey {
  const curve = CURVES[algorithm];
  const x = sized(key.get(-2), curve?.size);
  const y = sized(key.get(-3), curve?.size);
  if (curve === undefined || key.size !== 5 || key.get(-1) !== curve.id || x === null || y === null) return MALFORMED;
  return { ok: true, algorithm, spki: spki(curve.identifier, concat(new Uint8Array([4]), x, y)) };
}

function okp(key: CborMap, algorithm: number): CoseKey {
  if (key.get(-1) === 7 && algorithm === -8) return UNAVAILABLE;
  const x = sized(key.get(-2), 32);
  if (key.size !== 4 || key.get(-1) !== 6 || x === null || !ED25519_ALGORITHMS.has(algorithm)) return MALFORMED;
  return { ok: true, algorithm, spki: spki(ED25519, x) };
}

/** Modulus of at most 8192 bits; how small it may be is the weak-key gate's decision. */
function rsa(key: CborMap, algorithm: number): CoseKey {
  const n = unsigned(key.get(-1), 1024);
  const e = unsigned(key.get(-2), 4);
  if (key.size !== 4 || n === null || e === null || !RSA_ALGORITHMS.has(algorithm)) return MALFORMED;
  return { ok: true, algorithm, spki: spki(RSA_ENCRYPTION, tlv(0x30, integer(n), integer(e))) };
}

function sized(value: Cbor | undefined, size: number | undefined): Uint8Array | null {
  const bytes = cborBytes(value);
  return bytes !== null && bytes.length === size ? bytes : null;
}

/** A positive integer in its shortest form. */
function unsigned(value: Cbor | undefined, longest: number): Uint8Array | null {
  const bytes = cborBytes(value);
  return bytes !== null && bytes.length > 0 && bytes.length <= longest && bytes[0] !== 0 ? bytes : null;
}

function spki(identifier: Uint8Array, key: Uint8Array): Uint8Array<ArrayBuffer> {
  return tlv(0x30, identifier, tlv(0x03, new Uint8Array([0]), key));
}

function integer(bytes: Uint8Array): Uint8Array {
  return bytes[0]! < 0x80 ? tlv(0x02, bytes) : tlv(0x02, new Uint8Array([0]), bytes);
}

function tlv(tag: number, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const body = concat(...parts);
  const { length } = body;
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concat(new Uint8Array([tag, ...header]), body);
}
