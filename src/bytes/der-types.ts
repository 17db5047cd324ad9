/** Typed readers of single DER values (X.690 §8, §11); each returns null for a value of another type or form. */
import { type Der, TAG } from './der-tree.ts';
import { fromUtf8 } from './utf8.ts';

export function isUniversal(value: Der | undefined, tag: number): value is Der {
  return value !== undefined && value.class === 'universal' && value.tag === tag;
}

/** Context-specific [number], implicit or explicit. */
export function isContext(value: Der | undefined, number: number): value is Der {
  return value !== undefined && value.class === 'context' && value.tag === number;
}

/** What an explicit [number] wraps; null when it wraps anything but one value. */
export function explicit(value: Der | undefined): Der | null {
  return value !== undefined && value.constructed && value.children.length === 1 ? value.children[0]! : null;
}

export function sequence(value: Der | undefined | null): readonly Der[] | null {
  return isUniversal(value ?? undefined, TAG.sequence) ? value!.children : null;
}

export function set(value: Der | undefined | null): readonly Der[] | null {
  return isUniversal(value ?? undefined, TAG.set) ? value!.children : null;
}

/** X.690 §11.1: TRUE is FF, FALSE is 00, nothing else. */
export function boolean(value: Der | undefined): boolean | null {
  if (!isUniversal(value, TAG.boolean) || value.content.length !== 1) return null;
  const byte = value.content[0]!;
  return byte === 0xff ? true : byte === 0 ? false : null;
}

/** Two's complement content octets in the fewest bytes (X.690 §8.3.2); for INTEGER and ENUMERATED, and implicit tags over them. */
export function integerContent(content: Uint8Array): bigint | null {
  const [first, second] = content;
  if (first === undefined) return null;
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) return null;
  let value = 0n;
  for (const byte of content) value = (value << 8n) | BigInt(byte);
  return first >= 0x80 ? value - (1n << BigInt(8 * content.length)) : value;
}

export function integer(value: Der | undefined): bigint | null {
  return isUniversal(value, TAG.integer) ? integerContent(value.content) : null;
}

/** A non-negative INTEGER that a number holds exactly. */
export function smallInteger(value: Der | undefined): number | null {
  return small(integer(value));
}

export function enumerated(value: Der | undefined): number | null {
  return isUniversal(value, TAG.enumerated) ? small(integerContent(value.content)) : null;
}

function small(value: bigint | null): number | null {
  return value === null || value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(value);
}

/** A non-negative INTEGER as big-endian bytes without leading zeros (one zero byte for 0). */
export function unsignedInteger(value: Der | undefined): Uint8Array | null {
  if (!isUniversal(value, TAG.integer) || value.content.length === 0 || value.content[0]! >= 0x80) return null;
  if (value.content.length === 1 || value.content[0] !== 0) return value.content;
  return value.content[1]! >= 0x80 ? value.content.subarray(1) : null;
}

export function octetString(value: Der | undefined): Uint8Array | null {
  return isUniversal(value, TAG.octetString) ? value.content : null;
}

export function isNull(value: Der | undefined): boolean {
  return isUniversal(value, TAG.null) && value.content.length === 0;
}

export interface Bits {
  readonly bytes: Uint8Array;
  /** Bits of the last byte that do not belong to the string, 0..7; they are zero (X.690 §11.2.1). */
  readonly unused: number;
}

export function bitString(value: Der | undefined): Bits | null {
  if (!isUniversal(value, TAG.bitString) || value.content.length === 0) return null;
  const unused = value.content[0]!;
  const bytes = value.content.subarray(1);
  if (unused > 7 || (bytes.length === 0 && unused !== 0)) return null;
  const last = bytes[bytes.length - 1] ?? 0;
  return (last & ((1 << unused) - 1)) === 0 ? { bytes, unused } : null;
}

/** A BIT STRING of whole bytes: keys and signatures. */
export function wholeBits(value: Der | undefined): Uint8Array | null {
  const bits = bitString(value);
  return bits !== null && bits.unused === 0 ? bits.bytes : null;
}

/** Numbers below this stay exact when seven bits are added; larger arcs (those made of UUIDs) go on as bigints. */
const EXACT = 2 ** 45;

/** Dotted decimal (X.690 §8.19); arcs of any size up to 64 bytes of content. */
export function oid(value: Der | undefined): string | null {
  if (!isUniversal(value, TAG.oid) || value.content.length === 0 || value.content.length > 64) return null;
  const arcs: (number | bigint)[] = [];
  let arc: number | bigint = 0;
  let fresh = true;
  for (const byte of value.content) {
    if (fresh && byte === 0x80) return null;
    const small: boolean = typeof arc === 'number' && arc < EXACT;
    arc = small ? Number(arc) * 128 + (byte & 0x7f) : (BigInt(arc) << 7n) | BigInt(byte & 0x7f);
    fresh = byte < 0x80;
    if (fresh) arcs.push(arc);
    if (fresh) arc = 0;
  }
  return fresh ? dotted(arcs) : null;
}

/** The first arc carries two: 40 times 0, 1 or 2, and the second. */
function dotted([first, ...rest]: readonly (number | bigint)[]): string {
  const root = first! < 80 ? Math.floor(Number(first) / 40) : 2;
  const second = typeof first === 'number' ? first - 40 * root : first! - BigInt(40 * root);
  return [root, second, ...rest].join('.');
}

/** UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 restricts them (seconds, Z, no fraction), in milliseconds since 1970. */
export function time(value: Der | undefined): number | null {
  const short = isUniversal(value, TAG.utcTime);
  if (!short && !isUniversal(value, TAG.generalizedTime)) return null;
  const text = ascii(value.content);
  const match = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text ?? '');
  if (match === null || match[1]!.length !== (short ? 2 : 4)) return null;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return instant(short ? year + (year < 50 ? 2000 : 1900) : year, month, day, hour, minute, second);
}

function instant(year: number, month: number, day: number, hour: number, minute: number, second: number) {
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  return date.getUTCMonth() === month - 1 ? date.getTime() : null;
}

/** A character string of any of the types a certificate name may use; null for bytes outside the type's repertoire. */
export function text(value: Der | undefined): string | null {
  if (value === undefined || value.class !== 'universal') return null;
  switch (value.tag) {
    case TAG.utf8String:
      return fromUtf8(value.content);
    case TAG.printableString:
    case TAG.ia5String:
      return ascii(value.content);
    case TAG.teletexString:
      return latin1(value.content);
    case TAG.bmpString:
      return utf16(value.content);
    default:
      return null;
  }
}

function ascii(bytes: Uint8Array): string | null {
  return bytes.every((byte) => byte < 0x80) ? latin1(bytes) : null;
}

function latin1(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += String.fromCharCode(byte);
  return out;
}

function utf16(bytes: Uint8Array): string | null {
  if (bytes.length % 2 !== 0) return null;
  let out = '';
  for (let i = 0; i < bytes.length; i += 2) out += String.fromCharCode((bytes[i]! << 8) | bytes[i + 1]!);
  return out;
}
