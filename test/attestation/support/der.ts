/** A DER writer for tests: says exactly what it is told, also what is wrong. */
import { concat } from '../../../src/bytes/join.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

/** Any identifier octets, then a minimal length, then the content. */
export function tlv(identifier: number | readonly number[], ...content: readonly Uint8Array[]): Bytes {
  const body = concat(...content);
  return concat(new Uint8Array([identifier].flat()), length(body.length), body);
}

function length(value: number): Bytes {
  if (value < 0x80) return new Uint8Array([value]);
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return new Uint8Array([0x80 | bytes.length, ...bytes]);
}

export const seq = (...members: readonly Uint8Array[]): Bytes => tlv(0x30, ...members);
export const setOf = (...members: readonly Uint8Array[]): Bytes => tlv(0x31, ...members);
export const octets = (...content: readonly Uint8Array[]): Bytes => tlv(0x04, ...content);
export const bits = (content: Uint8Array, unused = 0): Bytes => tlv(0x03, new Uint8Array([unused]), content);
export const bool = (value: boolean): Bytes => tlv(0x01, new Uint8Array([value ? 0xff : 0]));
export const nul = (): Bytes => tlv(0x05);
export const utf8String = (text: string): Bytes => tlv(0x0c, new TextEncoder().encode(text));
export const printable = (text: string): Bytes => tlv(0x13, new TextEncoder().encode(text));

/** Explicit or implicit [number]; constructed unless told. */
export function context(number: number, content: Uint8Array, constructed = true): Bytes {
  const form = 0x80 | (constructed ? 0x20 : 0);
  if (number < 31) return tlv(form | number, content);
  const base128: number[] = [];
  for (let rest = number; rest > 0; rest >>= 7) base128.unshift((rest & 0x7f) | (base128.length > 0 ? 0x80 : 0));
  return tlv([form | 0x1f, ...base128], content);
}

function integerBytes(value: bigint | number): Bytes {
  let rest = BigInt(value);
  const bytes: number[] = [];
  do {
    bytes.unshift(Number(rest & 0xffn));
    rest >>= 8n;
  } while (rest !== 0n && rest !== -1n);
  if (value >= 0 && bytes[0]! >= 0x80) bytes.unshift(0);
  if (value < 0 && bytes[0]! < 0x80) bytes.unshift(0xff);
  return new Uint8Array(bytes);
}

export const int = (value: bigint | number): Bytes => tlv(0x02, integerBytes(value));
export const enumeration = (value: number): Bytes => tlv(0x0a, integerBytes(value));

export function oid(dotted: string): Bytes {
  const [first, second, ...arcs] = dotted.split('.').map(BigInt) as [bigint, bigint, ...bigint[]];
  const bytes = [first * 40n + second, ...arcs].flatMap((arc) => {
    const groups = [Number(arc & 0x7fn)];
    for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) groups.unshift(Number(rest & 0x7fn) | 0x80);
    return groups;
  });
  return tlv(0x06, new Uint8Array(bytes));
}

/** UTCTime for 1950..2049, GeneralizedTime otherwise (RFC 5280 §4.1.2.5). */
export function time(at: number): Bytes {
  const digits = new Date(at).toISOString().replace(/[-:T]|\.\d+/g, '');
  const short = at >= Date.UTC(1950, 0) && at < Date.UTC(2050, 0);
  return tlv(short ? 0x17 : 0x18, new TextEncoder().encode(short ? digits.slice(2) : digits));
}

/** One relative name per pair. */
export function name(...attributes: readonly (readonly [type: string, value: string])[]): Bytes {
  return seq(...attributes.map(([type, value]) => setOf(seq(oid(type), utf8String(value)))));
}

export const commonName = (text: string): Bytes => name(['2.5.4.3', text]);
