/**
 * Apple writes receipts in BER (X.690 §8): indefinite lengths, strings in pieces. This turns such a value into DER, so that
 * one strict reader reads everything; what was DER already stays byte for byte what it was, certificates among it.
 */
import { DER_LIMITS, TAG } from '../../bytes/der.ts';
import { derLength } from '../../bytes/der-write.ts';
import { concat } from '../../bytes/join.ts';

/** The one value that fills `bytes`, re-encoded; null when it is not BER within the limits. */
export function derFromBer(bytes: Uint8Array, limits = DER_LIMITS): Uint8Array | null {
  if (bytes.length > limits.size) return null;
  const value = read(bytes, 0, limits.depth);
  return value !== null && value.next === bytes.length ? encoded(value) : null;
}

interface Ber {
  readonly identifier: Uint8Array;
  readonly content: Uint8Array;
  readonly next: number;
}

const OCTET_STRING = new Uint8Array([TAG.octetString]);
const CONSTRUCTED_OCTET_STRING = 0x20 | TAG.octetString;

function read(bytes: Uint8Array, start: number, depth: number): Ber | null {
  const after = afterIdentifier(bytes, start);
  if (depth === 0 || after === null) return null;
  const identifier = bytes.subarray(start, after);
  const length = readLength(bytes, after);
  const constructed = (identifier[0]! & 0x20) !== 0;
  if (length === null || (length.end === null && !constructed)) return null;
  if (!constructed) return { identifier, content: bytes.subarray(length.start, length.end!), next: length.end! };
  const members = readMembers(bytes, length.start, length.end, depth - 1);
  return members === null ? null : joined(identifier, members.values, members.next);
}

/** One byte, or several for tags above 30. */
function afterIdentifier(bytes: Uint8Array, start: number): number | null {
  if (start >= bytes.length) return null;
  if ((bytes[start]! & 0x1f) !== 0x1f) return start + 1;
  let at = start + 1;
  while (at < bytes.length && bytes[at]! >= 0x80) at++;
  return at < bytes.length && at - start <= 4 ? at + 1 : null;
}

/** `end` is null for the indefinite form. */
function readLength(bytes: Uint8Array, at: number): { readonly start: number; readonly end: number | null } | null {
  const first = bytes[at];
  if (first === undefined) return null;
  if (first === 0x80) return { start: at + 1, end: null };
  const count = first < 0x80 ? 0 : first & 0x7f;
  const start = at + 1 + count;
  if (count > 4 || start > bytes.length) return null;
  const value = count === 0 ? first : bytes.subarray(at + 1, start).reduce((sum, byte) => sum * 256 + byte, 0);
  return value > bytes.length - start ? null : { start, end: start + value };
}

function readMembers(
  bytes: Uint8Array,
  start: number,
  end: number | null,
  depth: number,
): { readonly values: readonly Ber[]; readonly next: number } | null {
  const bounded = end === null ? bytes : bytes.subarray(0, end);
  const values: Ber[] = [];
  for (let at = start; ;) {
    if (at === end) return { values, next: at };
    if (end === null && bytes[at] === 0 && bytes[at + 1] === 0) return { values, next: at + 2 };
    const value = read(bounded, at, depth);
    if (value === null) return null;
    values.push(value);
    at = value.next;
  }
}

/** A string in pieces becomes one; everything else keeps its members. */
function joined(identifier: Uint8Array, members: readonly Ber[], next: number): Ber | null {
  if (identifier[0] !== CONSTRUCTED_OCTET_STRING) return { identifier, content: concat(...members.map(encoded)), next };
  if (members.some((member) => member.identifier[0] !== TAG.octetString)) return null;
  return { identifier: OCTET_STRING, content: concat(...members.map((member) => member.content)), next };
}

function encoded({ identifier, content }: Ber): Uint8Array {
  return concat(identifier, new Uint8Array(derLength(content.length)), content);
}
