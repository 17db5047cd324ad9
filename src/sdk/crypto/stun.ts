/** STUN framing (RFC 8489) of the identity handshake: Binding messages with attributes of ours that other parsers may ignore. */
import { concat, equal, u16, u32 } from '../../bytes/join.ts';
import type { Bytes, CryptoProvider } from './provider.ts';

const COOKIE = 0x2112a442;
export const STUN_TYPE = { request: 0x0001, response: 0x0101 } as const;
/** RFC 8489 §14; ours are in the comprehension-optional range. */
export const ATTRIBUTE = {
  messageIntegritySha256: 0x001c,
  fingerprint: 0x8028,
  /** u8 role, three zero bytes, 32-byte confirmation. */
  confirmation: 0xc5c1,
  /** The caller's nonce Nc, 32 bytes. */
  reveal: 0xc5c2,
  /** Call id, 16 bytes. */
  call: 0xc5c3,
} as const;

/** Longest datagram that is looked at. */
export const STUN_BYTES = 512;

export interface StunMessage {
  type: number;
  /** 12 bytes. */
  transaction: Bytes;
  /** Those before MESSAGE-INTEGRITY-SHA256; the first of a type counts (§14). */
  attributes: ReadonlyMap<number, Bytes>;
  /** What the MAC covers, its length field as §14.6 wants it, and the MAC; absent when the message has none. */
  integrity: { covered: Bytes; mac: Bytes } | null;
}

const attribute = (type: number, value: Uint8Array): Bytes =>
  concat(u16(type), u16(value.length), value, new Uint8Array(-value.length & 3));

const header = (type: number, length: number, transaction: Uint8Array): Bytes =>
  concat(u16(type), u16(length), u32(COOKIE), transaction);

/** Encodes with MESSAGE-INTEGRITY-SHA256 (32 bytes) and FINGERPRINT last. */
export async function encodeStun(
  crypto: CryptoProvider,
  key: Uint8Array,
  message: { type: number; transaction: Uint8Array; attributes: readonly (readonly [number, Uint8Array])[] },
): Promise<Bytes> {
  const body = concat(...message.attributes.map(([type, value]) => attribute(type, value)));
  const covered = concat(header(message.type, body.length + 36, message.transaction), body);
  const integrity = attribute(ATTRIBUTE.messageIntegritySha256, await crypto.hmacSha256(key, covered));
  const printed = concat(header(message.type, body.length + 44, message.transaction), body, integrity);
  return concat(printed, attribute(ATTRIBUTE.fingerprint, fingerprint(printed)));
}

/** Null unless it is one well-formed STUN message with a right FINGERPRINT at its end. */
export function decodeStun(bytes: Uint8Array): StunMessage | null {
  if (bytes.length < 28 || bytes.length > STUN_BYTES || bytes.length % 4 !== 0) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const type = view.getUint16(0);
  if (type > 0x3fff || view.getUint16(2) !== bytes.length - 20 || view.getUint32(4) !== COOKIE) return null;
  const end = bytes.length - 8;
  if (view.getUint16(end) !== ATTRIBUTE.fingerprint || view.getUint16(end + 2) !== 4) return null;
  if (!equal(fingerprint(bytes.subarray(0, end)), bytes.subarray(end + 4))) return null;
  const transaction = Uint8Array.from(bytes.subarray(8, 20));
  const read = readAttributes(bytes.subarray(0, end), view);
  if (read === null) return null;
  return { type, transaction, ...read };
}

function readAttributes(bytes: Uint8Array, view: DataView): Pick<StunMessage, 'attributes' | 'integrity'> | null {
  const attributes = new Map<number, Bytes>();
  let integrity: StunMessage['integrity'] = null;
  for (let at = 20; at < bytes.length;) {
    if (at + 4 > bytes.length) return null;
    const [type, length] = [view.getUint16(at), view.getUint16(at + 2)];
    const next = at + 4 + length + (-length & 3);
    if (next > bytes.length) return null;
    const value = Uint8Array.from(bytes.subarray(at + 4, at + 4 + length));
    if (type === ATTRIBUTE.messageIntegritySha256) {
      if (length !== 32 || integrity !== null) return null;
      const covered = Uint8Array.from(bytes.subarray(0, at));
      new DataView(covered.buffer).setUint16(2, next - 20);
      integrity = { covered, mac: value };
    } else if (integrity === null && !attributes.has(type)) attributes.set(type, value);
    at = next;
  }
  return { attributes, integrity };
}

export async function authenticStun(crypto: CryptoProvider, key: Uint8Array, message: StunMessage): Promise<boolean> {
  const { integrity } = message;
  return integrity !== null && equal(await crypto.hmacSha256(key, integrity.covered), integrity.mac);
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

/** CRC-32 of what precedes, exclusive-or 0x5354554e (§14.7). */
function fingerprint(bytes: Uint8Array): Bytes {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC[(crc ^ byte) & 255]!;
  return u32((crc ^ 0xffffffff ^ 0x5354554e) >>> 0);
}
