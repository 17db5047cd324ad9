/** Writing DER (ITU-T X.690 §8, §10): what our own small certificates need. der.ts reads. */
import { concat } from './join.ts';
import { utf8 } from './utf8.ts';

export type DerBytes = Uint8Array<ArrayBuffer>;

/** One value with this identifier octet, its length in the fewest bytes. */
export function derValue(identifier: number, ...content: readonly Uint8Array[]): DerBytes {
  const body = concat(...content);
  return concat(new Uint8Array([identifier, ...derLength(body.length)]), body);
}

/** Length octets in the fewest bytes (X.690 §10.1), for contents below 16 MiB. */
export function derLength(value: number): readonly number[] {
  if (value < 0x80) return [value];
  if (value < 0x100) return [0x81, value];
  if (value < 0x1_0000) return [0x82, value >> 8, value & 0xff];
  return [0x83, value >> 16, (value >> 8) & 0xff, value & 0xff];
}

export const derSequence = (...members: readonly Uint8Array[]): DerBytes => derValue(0x30, ...members);
export const derSet = (...members: readonly Uint8Array[]): DerBytes => derValue(0x31, ...members);
export const derOctets = (...content: readonly Uint8Array[]): DerBytes => derValue(0x04, ...content);
/** A BIT STRING of whole bytes. */
export const derBits = (content: Uint8Array): DerBytes => derValue(0x03, new Uint8Array([0]), content);
export const derTrue = (): DerBytes => derValue(0x01, new Uint8Array([0xff]));
export const derUtf8 = (text: string): DerBytes => derValue(0x0c, utf8(text));
/** Explicit [number], below 31. */
export const derExplicit = (number: number, content: Uint8Array): DerBytes => derValue(0xa0 | number, content);

/** A non-negative INTEGER from big-endian bytes, leading zeros allowed. */
export function derUnsigned(bytes: Uint8Array): DerBytes {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = start === -1 ? new Uint8Array([0]) : bytes.subarray(start);
  return derValue(0x02, ...(digits[0]! < 0x80 ? [digits] : [new Uint8Array([0]), digits]));
}

export function derOid(dotted: string): DerBytes {
  const [first = 0, second = 0, ...arcs] = dotted.split('.').map(Number);
  return derValue(0x06, new Uint8Array([first * 40 + second, ...arcs].flatMap(base128)));
}

function base128(arc: number): readonly number[] {
  const groups = [arc & 0x7f];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) groups.unshift((rest & 0x7f) | 0x80);
  return groups;
}

/** GeneralizedTime in whole seconds; RFC 5280 §4.1.2.5 wants it from 2050 on, UTCTime before. */
export function derTime(at: number): DerBytes {
  const digits = new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  const short = at < Date.UTC(2050, 0);
  return derValue(short ? 0x17 : 0x18, utf8(short ? digits.slice(2) : digits));
}

/** A value of 0..127. */
export const derEnumerated = (value: number): DerBytes => derValue(0x0a, new Uint8Array([value]));

/** Ecdsa-Sig-Value (RFC 3279 §2.2.3) from r || s. */
export function derEcdsaSignature(raw: Uint8Array): DerBytes {
  const half = raw.length / 2;
  return derSequence(derUnsigned(raw.subarray(0, half)), derUnsigned(raw.subarray(half)));
}
