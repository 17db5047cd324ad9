/** SFrame (RFC 9605): frames encrypted end to end through a unit that forwards but must not read them. */
import { ctr } from '@noble/ciphers/aes.js';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { concat, equal, u16 } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { Bytes, CryptoProvider } from '../crypto/provider.ts';
import { replayWindow } from './window.ts';

/** §4.5, table 1. Key and tag sizes in bytes; the nonce has 12. */
const SUITES = {
  1: { name: 'AES_128_CTR_HMAC_SHA256_80', key: 48, tag: 10, hash: sha256 },
  2: { name: 'AES_128_CTR_HMAC_SHA256_64', key: 48, tag: 8, hash: sha256 },
  3: { name: 'AES_128_CTR_HMAC_SHA256_32', key: 48, tag: 4, hash: sha256 },
  4: { name: 'AES_128_GCM_SHA256_128', key: 16, tag: 16, hash: sha256 },
  5: { name: 'AES_256_GCM_SHA512_128', key: 32, tag: 16, hash: sha512 },
} as const;
export type SFrameSuite = keyof typeof SUITES;

const NONCE_BYTES = 12;
const ENC_KEY_BYTES = 16;
/** Largest key id and counter handled: 2^53 - 1, of the 2^64 - 1 that the format has. */
const LIMIT = Number.MAX_SAFE_INTEGER;
/** Frames of one sender under one key of a group (docs/protocol/cryptography.md §10). */
export const GROUP_FRAMES = 2 ** 20;

const bigEndian = (value: number, length: number): Bytes => {
  const bytes = new Uint8Array(length);
  for (let at = length - 1, rest = value; at >= 0 && rest > 0; at--, rest = Math.floor(rest / 256))
    bytes[at] = rest % 256;
  return bytes;
};
const shortest = (value: number): number => Math.max(1, Math.ceil(value.toString(16).length / 2));

/** §4.3: one configuration byte, then key id and counter where they are larger than 7. */
export function encodeSFrameHeader(kid: number, counter: number): Bytes {
  const part = (value: number): [number, Bytes] => {
    if (value < 8) return [value, new Uint8Array()];
    const length = shortest(value);
    return [8 | (length - 1), bigEndian(value, length)];
  };
  const [kidBits, kidBytes] = part(kid);
  const [counterBits, counterBytes] = part(counter);
  return concat(Uint8Array.of((kidBits << 4) | counterBits), kidBytes, counterBytes);
}

/** Null when the frame is too short, a number is not in its shortest form, or it is above 2^53 - 1. */
export function decodeSFrameHeader(frame: Uint8Array): { kid: number; counter: number; length: number } | null {
  if (frame.length === 0) return null;
  let at = 1;
  const part = (bits: number): number | null => {
    if ((bits & 8) === 0) return bits;
    const length = (bits & 7) + 1;
    if (at + length > frame.length) return null;
    const value = frame.subarray(at, (at += length)).reduce((sum, byte) => sum * 256 + byte, 0);
    return value > 7 && value <= LIMIT && shortest(value) === length ? value : null;
  };
  const [kid, counter] = [part(frame[0]! >> 4), part(frame[0]! & 15)];
  return kid === null || counter === null ? null : { kid, counter, length: at };
}

/** §4.4.2: key and salt of one key id. The base key is used for nothing else. */
export function deriveSFrameKey(suite: SFrameSuite, kid: number, baseKey: Uint8Array): { key: Bytes; salt: Bytes } {
  const { hash, key } = SUITES[suite];
  const secret = extract(hash, baseKey, new Uint8Array());
  const derive = (label: string, length: number) =>
    expand(hash, secret, concat(utf8(`SFrame 1.0 Secret ${label} `), bigEndian(kid, 8), u16(suite)), length) as Bytes;
  return { key: derive('key', key), salt: derive('salt', NONCE_BYTES) };
}

/** An AEAD of the table: nonce, additional data, input; the tag comes last. */
export interface SFrameAead {
  seal(nonce: Bytes, data: Bytes, plaintext: Uint8Array): Promise<Bytes>;
  open(nonce: Bytes, data: Bytes, sealed: Uint8Array): Promise<Bytes | null>;
}

export async function sframeAead(crypto: CryptoProvider, suite: SFrameSuite, key: Bytes): Promise<SFrameAead> {
  return suite === 4 || suite === 5 ? crypto.gcm(key) : ctrHmac(SUITES[suite].tag, key);
}

/** §4.5.1: AES-128-CTR, then HMAC-SHA256 over lengths, nonce, data and ciphertext, truncated. */
function ctrHmac(tagBytes: number, key: Bytes): SFrameAead {
  const [encKey, authKey] = [key.subarray(0, ENC_KEY_BYTES), key.subarray(ENC_KEY_BYTES)];
  const xor = (nonce: Bytes, input: Uint8Array): Bytes =>
    Uint8Array.from(ctr(encKey, concat(nonce, new Uint8Array(4))).encrypt(Uint8Array.from(input)));
  const tag = (nonce: Bytes, data: Bytes, ciphertext: Uint8Array): Uint8Array => {
    const lengths = [data.length, ciphertext.length, tagBytes].map((length) => bigEndian(length, 8));
    return hmac(sha256, authKey, concat(...lengths, nonce, data, ciphertext)).subarray(0, tagBytes);
  };
  return {
    async seal(nonce, data, plaintext) {
      const ciphertext = xor(nonce, plaintext);
      return concat(ciphertext, tag(nonce, data, ciphertext));
    },
    async open(nonce, data, sealed) {
      if (sealed.length < tagBytes) return null;
      const ciphertext = sealed.subarray(0, -tagBytes);
      return equal(tag(nonce, data, ciphertext), sealed.subarray(-tagBytes)) ? xor(nonce, ciphertext) : null;
    },
  };
}

function nonceOf(salt: Bytes, counter: number): Bytes {
  const number = bigEndian(counter, NONCE_BYTES);
  return salt.map((byte, i) => byte ^ number[i]!);
}

interface KeyContext {
  aead: SFrameAead;
  salt: Bytes;
}

async function keyContext(crypto: CryptoProvider, suite: SFrameSuite, kid: number, baseKey: Uint8Array) {
  const { key, salt } = deriveSFrameKey(suite, kid, baseKey);
  return { aead: await sframeAead(crypto, suite, key), salt };
}

const NO_METADATA = new Uint8Array();

export interface SFrameSender {
  readonly kid: number;
  /** Frames so far. */
  readonly counter: number;
  /**
   * Encrypts one frame. Metadata is authenticated and not sent. The counter grows before anything is encrypted; RangeError when the
   * key has no frame left, which the owner sees coming by `counter`.
   */
  seal(frame: Uint8Array, metadata?: Uint8Array): Promise<Bytes>;
}

/** One sender key. The base key must be fresh: a counter that begins again under an old key repeats nonces. */
export async function sframeSender(
  crypto: CryptoProvider,
  suite: SFrameSuite,
  kid: number,
  baseKey: Uint8Array,
  { firstCounter = 0, frames = LIMIT + 1 }: { firstCounter?: number; frames?: number } = {},
): Promise<SFrameSender> {
  const { aead, salt } = await keyContext(crypto, suite, kid, baseKey);
  let next = firstCounter;
  return {
    kid,
    get counter() {
      return next;
    },
    async seal(frame, metadata = NO_METADATA) {
      const counter = next++;
      if (counter >= frames) throw new RangeError('SFrame counter exhausted');
      const header = encodeSFrameHeader(kid, counter);
      return concat(header, await aead.seal(nonceOf(salt, counter), concat(header, metadata), frame));
    },
  };
}

/** `exhausted`: the counter is beyond what one key is for. */
export type SFrameRefusal = 'malformed' | 'unknown-key' | 'exhausted' | 'unauthentic' | 'replayed';

export interface SFrameReceiver {
  /** Keys of one sender; a frame under another's key does not open here, whoever forwarded it. */
  add(kid: number, baseKey: Uint8Array): Promise<void>;
  remove(kid: number): void;
  open(
    frame: Uint8Array,
    metadata?: Uint8Array,
  ): Promise<{ ok: true; kid: number; frame: Bytes } | { ok: false; reason: SFrameRefusal }>;
}

export function sframeReceiver(crypto: CryptoProvider, suite: SFrameSuite, frames = LIMIT + 1): SFrameReceiver {
  const keys = new Map<number, KeyContext & { window: ReturnType<typeof replayWindow> }>();
  return {
    async add(kid, baseKey) {
      const context = await keyContext(crypto, suite, kid, baseKey);
      if (!keys.has(kid)) keys.set(kid, { ...context, window: replayWindow() });
    },
    remove: (kid) => void keys.delete(kid),
    async open(frame, metadata = NO_METADATA) {
      const header = decodeSFrameHeader(frame);
      if (header === null) return { ok: false, reason: 'malformed' };
      const { kid, counter, length } = header;
      const key = keys.get(kid);
      if (key === undefined) return { ok: false, reason: 'unknown-key' };
      if (counter >= frames) return { ok: false, reason: 'exhausted' };
      const data = concat(frame.subarray(0, length), metadata);
      const opened = await key.aead.open(nonceOf(key.salt, counter), data, frame.subarray(length));
      if (opened === null) return { ok: false, reason: 'unauthentic' };
      // Judged and marked in one step after the await, so that two copies opened side by side count once.
      if (key.window.judge(counter) !== 'fresh') return { ok: false, reason: 'replayed' };
      key.window.mark(counter);
      return { ok: true, kid, frame: opened };
    },
  };
}
