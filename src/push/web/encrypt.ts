/** Message Encryption for Web Push (RFC 8291) in the coding aes128gcm (RFC 8188), one record. */
import { concat, u32 } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const CURVE = { name: 'ECDH', namedCurve: 'P-256' } as const;
const RECORD_SIZE = 4_096;
/** Ends the last record (RFC 8188 §2). */
const LAST_RECORD = Uint8Array.of(2);

export interface Receiver {
  /** Uncompressed P-256 point. */
  readonly p256dh: Bytes;
  /** 16 bytes. */
  readonly auth: Bytes;
}

/** Fresh for each message. */
export interface SenderKeys {
  readonly pair: CryptoKeyPair;
  /** 16 bytes. */
  readonly salt: Bytes;
}

export async function freshKeys(): Promise<SenderKeys> {
  const pair = await crypto.subtle.generateKey(CURVE, false, ['deriveBits']);
  return { pair, salt: crypto.getRandomValues(new Uint8Array(16)) };
}

/** Whether it is a point of the curve. Some runtimes take any bytes for one until they are used. */
export async function isPoint(p256dh: Bytes): Promise<boolean> {
  try {
    const { pair } = await freshKeys();
    await agree(pair.privateKey, await receiverKey(p256dh));
    return true;
  } catch {
    return false;
  }
}

function receiverKey(p256dh: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', p256dh, CURVE, true, []);
}

/** The body of the push message; `plaintext` at most 3,993 bytes (RFC 8291 §4). */
export async function encrypt(
  plaintext: Bytes,
  { p256dh, auth }: Receiver,
  { pair, salt }: SenderKeys,
): Promise<Bytes> {
  const own = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const secret = await agree(pair.privateKey, await receiverKey(p256dh));
  // §3.4: the authentication secret goes in between the agreement and RFC 8188's key.
  const info = concat(utf8('WebPush: info\0'), p256dh, own);
  const input = await hkdf(secret, auth, info, 32);
  const key = await hkdf(input, salt, utf8('Content-Encoding: aes128gcm\0'), 16);
  const nonce = await hkdf(input, salt, utf8('Content-Encoding: nonce\0'), 12);
  const sealed = await seal(key, nonce, concat(plaintext, LAST_RECORD));
  return concat(salt, u32(RECORD_SIZE), Uint8Array.of(own.length), own, sealed);
}

async function agree(own: CryptoKey, theirs: CryptoKey): Promise<Bytes> {
  // Workers types call the member `$public`; every runtime reads `public`.
  const algorithm = { name: 'ECDH', public: theirs } as unknown as Parameters<SubtleCrypto['deriveBits']>[0];
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, own, 256));
}

async function hkdf(input: Bytes, salt: Bytes, info: Bytes, bytes: number): Promise<Bytes> {
  const key = await crypto.subtle.importKey('raw', input, 'HKDF', false, ['deriveBits']);
  const algorithm = { name: 'HKDF', hash: 'SHA-256', salt, info };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, bytes * 8));
}

async function seal(key: Bytes, iv: Bytes, plaintext: Bytes): Promise<Bytes> {
  const imported = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt']);
  return new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, imported, plaintext));
}
