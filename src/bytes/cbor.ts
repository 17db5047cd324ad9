/**
 * CBOR as CTAP2 allows it (CTAP 2.1 §8, "CTAP2 canonical CBOR encoding form"): definite lengths, the shortest form of
 * every number, map keys in order and never twice, no tags, no floats, no `undefined`. Anything else is not read at all.
 */
import { compare, concat, u16, u32 } from './join.ts';
import { fromUtf8, utf8 } from './utf8.ts';

export type CborKey = number | string;
/** Integers are numbers within ±(2^53 - 1); larger ones are refused. */
export type Cbor = number | string | boolean | null | Uint8Array<ArrayBuffer> | readonly Cbor[] | CborMap;
export type CborMap = ReadonlyMap<CborKey, Cbor>;

export interface CborLimits {
  readonly bytes: number;
  /** Nesting of arrays and maps. */
  readonly depth: number;
  /** Data items in all. */
  readonly items: number;
  /** `any` for what old browsers wrote around canonical data; a key still comes once. */
  readonly keyOrder: 'canonical' | 'any';
}

export const CBOR_LIMITS: CborLimits = { bytes: 65_536, depth: 8, items: 2_048, keyOrder: 'canonical' };

const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const SIMPLE = 7;

/** The one item that `bytes` hold, or null. A lone CBOR null is refused too: no protocol here consists of one. */
export function readCbor(bytes: Uint8Array, limits: CborLimits = CBOR_LIMITS): Cbor | null {
  const first = readCborItem(bytes, limits);
  return first === null || first.length !== bytes.length ? null : first.value;
}

/** The first item of `bytes` and how many bytes it takes; what follows is the caller's. */
export function readCborItem(
  bytes: Uint8Array,
  limits: CborLimits = CBOR_LIMITS,
): { readonly value: Cbor; readonly length: number } | null {
  const cursor: Cursor = { bytes, at: 0, items: limits.items, ordered: limits.keyOrder === 'canonical' };
  const value = item(cursor, limits.depth);
  return value === undefined || cursor.at > limits.bytes ? null : { value, length: cursor.at };
}

/** The item as a map, or null; the usual first question of every reader. */
export function cborMap(value: Cbor | null | undefined): CborMap | null {
  return value instanceof Map ? value : null;
}

/** The item as a byte string, or null. */
export function cborBytes(value: Cbor | null | undefined): Uint8Array<ArrayBuffer> | null {
  return value instanceof Uint8Array ? value : null;
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  /** Items that may still be read. */
  items: number;
  readonly ordered: boolean;
}

/** One item; undefined where the bytes are not canonical CBOR. */
function item(cursor: Cursor, depth: number): Cbor | undefined {
  if (cursor.items-- <= 0) return undefined;
  const head = cursor.bytes[cursor.at++];
  if (head === undefined) return undefined;
  const major = head >> 5;
  if (major === SIMPLE) return simple(head);
  const argument = count(cursor, head & 31);
  if (argument === undefined) return undefined;
  switch (major) {
    case UNSIGNED:
      return argument;
    case NEGATIVE:
      return Number.isSafeInteger(-1 - argument) ? -1 - argument : undefined;
    case BYTES:
      return take(cursor, argument);
    case TEXT:
      return text(cursor, argument);
    case ARRAY:
      return array(cursor, argument, depth - 1);
    case MAP:
      return map(cursor, argument, depth - 1);
    default:
      return undefined;
  }
}

function simple(head: number): boolean | null | undefined {
  if (head === 0xf4) return false;
  if (head === 0xf5) return true;
  return head === 0xf6 ? null : undefined;
}

/** The argument of a head in its shortest form. */
function count(cursor: Cursor, info: number): number | undefined {
  if (info < 24) return info;
  if (info > 27) return undefined;
  const width = 1 << (info - 24);
  const raw = take(cursor, width);
  if (raw === undefined) return undefined;
  const value = raw.reduce((sum, byte) => sum * 256 + byte, 0);
  const least = [24, 0x100, 0x1_0000, 0x1_0000_0000][info - 24]!;
  return value >= least && Number.isSafeInteger(value) ? value : undefined;
}

function take(cursor: Cursor, length: number): Uint8Array<ArrayBuffer> | undefined {
  if (length > cursor.bytes.length - cursor.at) return undefined;
  const part = Uint8Array.from(cursor.bytes.subarray(cursor.at, cursor.at + length));
  cursor.at += length;
  return part;
}

function text(cursor: Cursor, length: number): string | undefined {
  const raw = take(cursor, length);
  return raw === undefined ? undefined : (fromUtf8(raw) ?? undefined);
}

function array(cursor: Cursor, length: number, depth: number): readonly Cbor[] | undefined {
  if (depth < 0 || length > cursor.items) return undefined;
  const values: Cbor[] = [];
  for (let i = 0; i < length; i++) {
    const value = item(cursor, depth);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}

/** Keys ascending by their encoding, which is CTAP2's order: type, then length, then bytes. */
function map(cursor: Cursor, length: number, depth: number): CborMap | undefined {
  if (depth < 0 || 2 * length > cursor.items) return undefined;
  const entries = new Map<CborKey, Cbor>();
  let previous: Uint8Array | null = null;
  for (let i = 0; i < length; i++) {
    const start = cursor.at;
    const key = item(cursor, depth);
    if (typeof key !== 'number' && typeof key !== 'string') return undefined;
    const encoded = cursor.bytes.subarray(start, cursor.at);
    if (entries.has(key) || (cursor.ordered && previous !== null && compare(previous, encoded) >= 0)) return undefined;
    previous = encoded;
    const value = item(cursor, depth);
    if (value === undefined) return undefined;
    entries.set(key, value);
  }
  return entries;
}

/** The canonical encoding; numbers must be safe integers. */
export function encodeCbor(value: Cbor): Uint8Array<ArrayBuffer> {
  if (value === null) return new Uint8Array([0xf6]);
  if (typeof value === 'boolean') return new Uint8Array([value ? 0xf5 : 0xf4]);
  if (typeof value === 'number') return value < 0 ? head(NEGATIVE, -1 - value) : head(UNSIGNED, value);
  if (typeof value === 'string') return concat(head(TEXT, utf8(value).length), utf8(value));
  if (value instanceof Uint8Array) return concat(head(BYTES, value.length), value);
  if (value instanceof Map) {
    const entries = [...value].map(([key, member]) => [encodeCbor(key), encodeCbor(member)] as const);
    entries.sort(([a], [b]) => compare(a, b));
    return concat(head(MAP, entries.length), ...entries.flat());
  }
  const members = value as readonly Cbor[];
  return concat(head(ARRAY, members.length), ...members.map(encodeCbor));
}

function head(major: number, argument: number): Uint8Array<ArrayBuffer> {
  const first = major << 5;
  if (argument < 24) return new Uint8Array([first | argument]);
  if (argument < 0x100) return new Uint8Array([first | 24, argument]);
  if (argument < 0x1_0000) return concat(new Uint8Array([first | 25]), u16(argument));
  if (argument < 0x1_0000_0000) return concat(new Uint8Array([first | 26]), u32(argument));
  return concat(new Uint8Array([first | 27]), u32(Math.floor(argument / 0x1_0000_0000)), u32(argument >>> 0));
}
