import { p256, p384, p521 } from '@noble/curves/nist.js';
import { concat } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { HashName } from './algorithms.ts';
import { curveByName, hashByName } from './algorithms.ts';
import { kdfe } from './kdf.ts';
import type { EccKey, PublicArea, RsaKey } from './public.ts';
import { tpm2b } from './sized.ts';
import { leftPad, pointOf } from './spki.ts';

/** A seed that only the TPM with the key's private part can recover, and TPM2B_ENCRYPTED_SECRET's content for it. */
export interface Encapsulation {
  readonly seed: Uint8Array;
  readonly ciphertext: Uint8Array<ArrayBuffer>;
}

/** How many random bytes `encapsulate` consumes: seed and OAEP salt, or an ephemeral scalar with 64 bits to spare. */
export function encapsulationRandomness(area: PublicArea): number {
  if (area.key.type === 'ecc') return curveByName(area.key.curve).size + 8;
  return hashByName(area.nameAlg).size + hashByName(oaepHash(area)).size;
}

/** Shares a fresh seed with a storage key for the purpose `label` (Part 1 annexes B.10 and C.6). Null when the key is not a point of its curve. `random` comes from the caller and is used once. */
export function encapsulate(area: PublicArea, label: string, random: Uint8Array): Encapsulation | null {
  if (area.key.type === 'rsa') {
    const seed = random.slice(0, hashByName(area.nameAlg).size);
    return encapsulateRsa(area, area.key, label, seed, random.slice(seed.length));
  }
  const curve = nist(area.key);
  const order = curve.Point.Fn.ORDER;
  const scalar = (toNumber(random) % (order - 1n)) + 1n;
  return encapsulateEcc(area, area.key, label, curve.Point.Fn.toBytes(scalar));
}

/** RSAES-OAEP (RFC 8017 §7.1.1) of the seed, label NUL-terminated, hash of the key's scheme or else its nameAlg. */
export function encapsulateRsa(
  area: PublicArea,
  key: RsaKey,
  label: string,
  seed: Uint8Array,
  salt: Uint8Array,
): Encapsulation | null {
  const size = key.bits / 8;
  const padded = oaepPad(oaepHash(area), utf8(`${label}\0`), seed, salt, size);
  return padded && { seed, ciphertext: power(padded, key, size) };
}

/** One-pass Diffie-Hellman: seed = KDFe(nameAlg, x(d·Q), label, x(ephemeral), x(Q)); the ciphertext is the ephemeral TPMS_ECC_POINT. */
export function encapsulateEcc(
  area: PublicArea,
  key: EccKey,
  label: string,
  ephemeral: Uint8Array,
): Encapsulation | null {
  const curve = nist(key);
  const { size } = curveByName(key.curve);
  try {
    const recipient = pointOf(key);
    const z = curve.getSharedSecret(ephemeral, recipient, false).slice(1, 1 + size);
    const point = curve.getPublicKey(ephemeral, false);
    const x = point.slice(1, 1 + size);
    const bits = hashByName(area.nameAlg).size * 8;
    const seed = kdfe(area.nameAlg, z, label, x, leftPad(key.x, size), bits);
    return { seed, ciphertext: concat(tpm2b(x), tpm2b(point.slice(1 + size))) };
  } catch {
    return null;
  }
}

/** Part 1 annex B.4: an explicit OAEP scheme names its hash; without one it is the key's nameAlg. */
function oaepHash(area: PublicArea): HashName {
  return area.scheme?.name === 'oaep' && area.scheme.hash ? area.scheme.hash : area.nameAlg;
}

function nist(key: EccKey): typeof p256 {
  return key.curve === 'P-256' ? p256 : key.curve === 'P-384' ? p384 : p521;
}

/** EME-OAEP encoding (RFC 8017 §7.1.1 step 2); null when the message does not fit the modulus. */
function oaepPad(
  hash: HashName,
  label: Uint8Array,
  message: Uint8Array,
  salt: Uint8Array,
  size: number,
): Uint8Array | null {
  const { digest, size: hashSize } = hashByName(hash);
  const room = size - message.length - 2 * hashSize - 2;
  if (room < 0 || salt.length !== hashSize) return null;
  const block = concat(digest(label), new Uint8Array(room), new Uint8Array([1]), message);
  const maskedBlock = xor(block, mgf1(hash, salt, block.length));
  const maskedSalt = xor(salt, mgf1(hash, maskedBlock, hashSize));
  return concat(new Uint8Array([0]), maskedSalt, maskedBlock);
}

/** MGF1 (RFC 8017 annex B.2.1). */
function mgf1(hash: HashName, seed: Uint8Array, length: number): Uint8Array {
  const { digest, size } = hashByName(hash);
  const count = Math.ceil(length / size);
  const block = (i: number): Uint8Array => digest(concat(seed, new Uint8Array([i >>> 24, i >>> 16, i >>> 8, i])));
  return concat(...Array.from({ length: count }, (_, i) => block(i))).slice(0, length);
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ b[i]!);
}

/** RSAEP (RFC 8017 §5.1.1). The message is freshly padded, used once and never chosen by anybody, so the running time tells nothing that repeats. */
function power(message: Uint8Array, key: RsaKey, size: number): Uint8Array<ArrayBuffer> {
  const modulus = toNumber(key.modulus);
  let base = toNumber(message) % modulus;
  let result = 1n;
  for (let exponent = key.exponent; exponent > 0; exponent = Math.floor(exponent / 2)) {
    if (exponent % 2 === 1) result = (result * base) % modulus;
    base = (base * base) % modulus;
  }
  return toBytes(result, size);
}

function toNumber(bytes: Uint8Array): bigint {
  let text = '0x0';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return BigInt(text);
}

function toBytes(value: bigint, size: number): Uint8Array<ArrayBuffer> {
  const digits = value.toString(16).padStart(2 * size, '0');
  return Uint8Array.from({ length: size }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}
