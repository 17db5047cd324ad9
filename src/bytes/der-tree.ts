/**
 * DER (ITU-T X.690 §8, §10, §11), read strictly: definite minimal lengths, minimal tags and integers, nothing after the value,
 * bounded size and depth. Every reader returns null for what is not DER of its type, and throws for nothing.
 * The order inside a SET OF is left alone: makers of genuine certificates got it wrong.
 */
export type DerClass = 'universal' | 'application' | 'context' | 'private';

/** One value; `content`, `bytes` and `children` are views of the input. */
export interface Der {
  readonly class: DerClass;
  readonly tag: number;
  readonly constructed: boolean;
  readonly content: Uint8Array;
  /** The whole encoding: identifier, length and content. */
  readonly bytes: Uint8Array;
  /** Empty for a primitive value. */
  readonly children: readonly Der[];
}

export interface DerLimits {
  /** Bytes. */
  readonly size: number;
  readonly depth: number;
}

export const DER_LIMITS: DerLimits = { size: 65_536, depth: 24 };

export const TAG = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  null: 5,
  oid: 6,
  enumerated: 10,
  utf8String: 12,
  sequence: 16,
  set: 17,
  printableString: 19,
  teletexString: 20,
  ia5String: 22,
  utcTime: 23,
  generalizedTime: 24,
  universalString: 28,
  bmpString: 30,
} as const;

const CLASSES: readonly DerClass[] = ['universal', 'application', 'context', 'private'];
const MAX_TAG = 0xff_ffff;

/** The one value that fills `bytes`, with everything inside it checked; null otherwise. */
export function readDer(bytes: Uint8Array, limits: DerLimits = DER_LIMITS): Der | null {
  if (bytes.length > limits.size) return null;
  const value = readValue(bytes, 0, limits.depth);
  return value !== null && value.bytes.length === bytes.length ? value : null;
}

function readValue(bytes: Uint8Array, start: number, depth: number): Der | null {
  if (depth === 0 || bytes.length - start < 2) return null;
  const first = bytes[start]!;
  const tag = (first & 0x1f) === 0x1f ? readHighTag(bytes, start + 1) : { value: first & 0x1f, next: start + 1 };
  if (tag === null) return null;
  const length = readLength(bytes, tag.next);
  if (length === null || length.value > bytes.length - length.next) return null;
  const content = bytes.subarray(length.next, length.next + length.value);
  const constructed = (first & 0x20) !== 0;
  const children = constructed ? readAll(content, depth - 1) : [];
  if (children === null || !formFits(first, tag.value, constructed)) return null;
  const whole = bytes.subarray(start, length.next + length.value);
  return { class: CLASSES[first >> 6]!, tag: tag.value, constructed, content, bytes: whole, children };
}

/** X.690 §10.2: strings are primitive in DER; SEQUENCE and SET are always constructed. Tag 0 (end of contents) is BER only. */
function formFits(first: number, tag: number, constructed: boolean): boolean {
  if (first >> 6 !== 0) return true;
  if (tag === 0) return false;
  return constructed === (tag === TAG.sequence || tag === TAG.set || tag === 8 || tag === 11);
}

function readAll(bytes: Uint8Array, depth: number): readonly Der[] | null {
  const values: Der[] = [];
  for (let at = 0; at < bytes.length;) {
    const value = readValue(bytes, at, depth);
    if (value === null) return null;
    values.push(value);
    at += value.bytes.length;
  }
  return values;
}

interface Read {
  readonly value: number;
  readonly next: number;
}

/** X.690 §8.1.2.4: base 128, big-endian, no leading zeros, only for numbers above 30. */
function readHighTag(bytes: Uint8Array, start: number): Read | null {
  let value = 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (at === start && byte === 0x80) return null;
    value = value * 128 + (byte & 0x7f);
    if (value > MAX_TAG) return null;
    if (byte < 0x80) return value < 31 ? null : { value, next: at + 1 };
  }
  return null;
}

/** X.690 §10.1: definite form, in the fewest bytes. */
function readLength(bytes: Uint8Array, start: number): Read | null {
  const first = bytes[start];
  if (first === undefined) return null;
  if (first < 0x80) return { value: first, next: start + 1 };
  const count = first & 0x7f;
  if (count === 0 || count > 4 || start + count >= bytes.length) return null;
  let value = 0;
  for (let i = 1; i <= count; i++) value = value * 256 + bytes[start + i]!;
  const minimal = value >= 0x80 && value >= 256 ** (count - 1);
  return minimal ? { value, next: start + 1 + count } : null;
}
