/** The receiver of Web Push, written from RFC 8188 and RFC 8291 on node:crypto alone: nothing of src is used here. */
import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto';

export interface Receiver {
  /** base64url, as a browser's subscription has them. */
  readonly p256dh: string;
  readonly auth: string;
  open(message: Uint8Array): Buffer;
}

const hkdf = (input: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number) =>
  Buffer.from(hkdfSync('sha256', input, salt, info, length));

/** With keys of its own, or with these (base64url). */
export function receiver(given?: { readonly privateKey: string; readonly auth: string }): Receiver {
  const ecdh = createECDH('prime256v1');
  if (given) ecdh.setPrivateKey(Buffer.from(given.privateKey, 'base64url'));
  else ecdh.generateKeys();
  const auth = given ? Buffer.from(given.auth, 'base64url') : randomBytes(16);
  const own = ecdh.getPublicKey();
  return {
    p256dh: own.toString('base64url'),
    auth: auth.toString('base64url'),
    open(message) {
      const bytes = Buffer.from(message);
      // RFC 8188 §2.1: salt (16), record size (4), key id length (1), key id.
      const salt = bytes.subarray(0, 16);
      const recordSize = bytes.readUInt32BE(16);
      const keyLength = bytes.readUInt8(20);
      if (keyLength !== 65) throw new Error('the key id must be the sender’s public key (RFC 8291 §4)');
      const sender = bytes.subarray(21, 21 + keyLength);
      const record = bytes.subarray(21 + keyLength);
      if (record.length > recordSize) throw new Error('more than one record (RFC 8291 §4)');
      const info = Buffer.concat([Buffer.from('WebPush: info\0'), own, sender]);
      const input = hkdf(ecdh.computeSecret(sender), auth, info, 32);
      const key = hkdf(input, salt, Buffer.from('Content-Encoding: aes128gcm\0'), 16);
      const nonce = hkdf(input, salt, Buffer.from('Content-Encoding: nonce\0'), 12);
      const decipher = createDecipheriv('aes-128-gcm', key, nonce);
      decipher.setAuthTag(record.subarray(-16));
      const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()]);
      const end = padded.lastIndexOf(2);
      if (end < 0 || padded.subarray(end + 1).some((byte) => byte !== 0))
        throw new Error('no delimiter of a last record');
      return padded.subarray(0, end);
    },
  };
}
