/** SRTP session keys (RFC 3711 §4.3, RFC 6188): key derivation rate 0, so once per master key. */
import type { SrtpCrypto } from './srtp-crypto.ts';

/** AES_256_CM_HMAC_SHA1_80. The key may also have 16 bytes, which makes it AES_CM_128_HMAC_SHA1_80. */
export interface SrtpMaster {
  key: Uint8Array;
  /** 14 bytes. */
  salt: Uint8Array;
}

export interface StreamKeys {
  xor: (counter: Uint8Array, data: Uint8Array) => void;
  mac: (data: Uint8Array, suffix: Uint8Array) => Uint8Array;
  /** Session salt, 14 bytes. */
  salt: Uint8Array;
}

/** §4.3.1: labels of the six session keys. */
const LABEL = { rtp: { cipher: 0, mac: 1, salt: 2 }, rtcp: { cipher: 3, mac: 4, salt: 5 } } as const;

/** §4.3.1 and §4.3.3: x = label (7 bytes, right-aligned) XOR salt; the keystream from x * 2^16. */
export function deriveKey(crypto: SrtpCrypto, master: SrtpMaster, label: number, length: number): Uint8Array {
  const counter = new Uint8Array(16);
  counter.set(master.salt);
  counter[7]! ^= label;
  const key = new Uint8Array(length);
  crypto.counterMode(master.key)(counter, key);
  return key;
}

function streamKeys(crypto: SrtpCrypto, master: SrtpMaster, labels: { cipher: number; mac: number; salt: number }) {
  return {
    xor: crypto.counterMode(deriveKey(crypto, master, labels.cipher, master.key.length)),
    mac: crypto.hmacSha1(deriveKey(crypto, master, labels.mac, 20)),
    salt: deriveKey(crypto, master, labels.salt, 14),
  };
}

export interface SessionStreams {
  rtp: StreamKeys;
  rtcp: StreamKeys;
}

export function sessionStreams(crypto: SrtpCrypto, master: SrtpMaster): SessionStreams {
  if ((master.key.length !== 32 && master.key.length !== 16) || master.salt.length !== 14)
    throw new TypeError('an SRTP master key has 32 (or 16) bytes and its salt 14');
  return { rtp: streamKeys(crypto, master, LABEL.rtp), rtcp: streamKeys(crypto, master, LABEL.rtcp) };
}

/** §4.1.1: (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16), written into `counter`. Index < 2^48. */
export function setCounter(counter: Uint8Array, salt: Uint8Array, ssrc: number, index: number): void {
  counter.set(salt);
  counter[14] = 0;
  counter[15] = 0;
  const view = new DataView(counter.buffer, counter.byteOffset);
  view.setUint32(4, view.getUint32(4) ^ ssrc);
  view.setUint16(8, view.getUint16(8) ^ Math.floor(index / 2 ** 32));
  view.setUint32(10, view.getUint32(10) ^ (index % 2 ** 32));
}
