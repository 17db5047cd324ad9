import { hmac } from '@noble/hashes/hmac.js';
import { concat, u32 } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { HashName } from './algorithms.ts';
import { hashByName } from './algorithms.ts';

/**
 * KDFa (Part 1 §11.4.10.2): HMAC in counter mode (SP 800-108).
 * Block i = HMAC(key, u32(i) || label || 00 || contextU || contextV || u32(bits)); the result is `bits` long, rounded up to bytes, spare top bits zero.
 */
export function kdfa(
  hash: HashName,
  key: Uint8Array,
  label: string,
  contextU: Uint8Array,
  contextV: Uint8Array,
  bits: number,
): Uint8Array<ArrayBuffer> {
  const { digest, size } = hashByName(hash);
  const fixed = concat(utf8(`${label}\0`), contextU, contextV, u32(bits));
  return blocks(bits, size, (counter) => hmac(digest, key, concat(counter, fixed)));
}

/** KDFe (Part 1 §11.4.10.3): block i = H(u32(i) || Z || label || 00 || partyU || partyV), cut as in KDFa. */
export function kdfe(
  hash: HashName,
  z: Uint8Array,
  label: string,
  partyU: Uint8Array,
  partyV: Uint8Array,
  bits: number,
): Uint8Array<ArrayBuffer> {
  const { digest, size } = hashByName(hash);
  const fixed = concat(z, utf8(`${label}\0`), partyU, partyV);
  return blocks(bits, size, (counter) => digest(concat(counter, fixed)));
}

function blocks(bits: number, size: number, block: (counter: Uint8Array) => Uint8Array): Uint8Array<ArrayBuffer> {
  const length = Math.ceil(bits / 8);
  const count = Math.ceil(length / size);
  const result = concat(...Array.from({ length: count }, (_, i) => block(u32(i + 1)))).slice(0, length);
  if (bits % 8 !== 0) result[0]! &= (1 << (bits % 8)) - 1;
  return result;
}
