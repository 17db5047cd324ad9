import { sha256 } from '@noble/hashes/sha2.js';
import { readSpki } from '../attestation/path/public-key.ts';

/** RFC 5280 §4.1.2.2: 16 bytes, positive, never shorter; 126 of its bits are random. */
export function serialFrom(random: Uint8Array): Uint8Array<ArrayBuffer> {
  if (random.length !== 16) throw new RangeError('a serial takes 16 random bytes');
  const serial = random.slice();
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  return serial;
}

/** RFC 7093 §2 method 1: the leftmost 160 bits of SHA-256 over the key's BIT STRING value. */
export function keyIdentifier(spki: Uint8Array): Uint8Array<ArrayBuffer> {
  const key = readSpki(spki);
  if (key?.kind !== 'ec') throw new TypeError('key identifiers are made of elliptic-curve keys');
  return sha256(key.point).slice(0, 20);
}
