/** Points of P-256 (FIPS 186-5, SP 800-186 §3.2.1.3) as 65-byte uncompressed encodings (SEC 1 §2.3.3). */
import { hex } from '../../bytes/hex.ts';

const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/** Full public key validation (SP 800-56A §5.6.2.3.3); the cofactor is 1, so on the curve means in the group. */
export function isPoint(bytes: Uint8Array): boolean {
  if (bytes.length !== 65 || bytes[0] !== 4) return false;
  const x = BigInt(`0x${hex(bytes.subarray(1, 33))}`);
  const y = BigInt(`0x${hex(bytes.subarray(33))}`);
  return x < P && y < P && (y * y - (x * x * x - 3n * x + B)) % P === 0n;
}

/** SubjectPublicKeyInfo of a P-256 key before its point (RFC 5480 §2). */
export const SPKI_PREFIX = Uint8Array.of(
  0x30,
  0x59,
  0x30,
  0x13,
  0x06,
  0x07,
  0x2a,
  0x86,
  0x48,
  0xce,
  0x3d,
  0x02,
  0x01,
  0x06,
  0x08,
  0x2a,
  0x86,
  0x48,
  0xce,
  0x3d,
  0x03,
  0x01,
  0x07,
  0x03,
  0x42,
  0x00,
);

/** SubjectPublicKeyInfo of an uncompressed point: 91 bytes (RFC 5480). */
export function spkiOf(point: Uint8Array): Uint8Array<ArrayBuffer> {
  const spki = new Uint8Array(SPKI_PREFIX.length + point.length);
  spki.set(SPKI_PREFIX);
  spki.set(point, SPKI_PREFIX.length);
  return spki;
}

/** The point in a SubjectPublicKeyInfo, or null unless it is exactly the 91-byte form of a valid P-256 key. */
export function pointOf(spki: Uint8Array): Uint8Array<ArrayBuffer> | null {
  if (spki.length !== 91 || SPKI_PREFIX.some((byte, i) => spki[i] !== byte)) return null;
  const point = spki.slice(SPKI_PREFIX.length);
  return isPoint(point) ? point : null;
}
