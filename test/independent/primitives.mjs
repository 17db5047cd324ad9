/** What the second implementation is made of: node:crypto and the conventions of docs/protocol/cryptography.md section 1. */
import * as c from 'node:crypto';

export const b = (text) => Buffer.from(text, 'hex');
export const cat = (...parts) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
export const u = (bytes, value) =>
  b(
    BigInt(value)
      .toString(16)
      .padStart(bytes * 2, '0'),
  );
export const lp = (x) => cat(u(4, x.length), x);
export const sha = (...parts) =>
  c
    .createHash('sha256')
    .update(cat(...parts))
    .digest();
export const hmac = (key, ...parts) =>
  c
    .createHmac('sha256', key)
    .update(cat(...parts))
    .digest();
export const hkdf = (ikm, salt, info, n = 32) => Buffer.from(c.hkdfSync('sha256', ikm, salt, info, n));
export const NONE = Buffer.alloc(0);

// Keys.
export const SPKI = b('3059301306072a8648ce3d020106082a8648ce3d030107034200');
export const spki = (point) => cat(SPKI, point);
export const publicKey = (point) => c.createPublicKey({ key: spki(point), format: 'der', type: 'spki' });
export function privateKey(scalar) {
  const ecdh = c.createECDH('prime256v1');
  ecdh.setPrivateKey(scalar);
  const point = ecdh.getPublicKey();
  const sec1 = cat(b('30770201010420'), scalar, b('a00a06082a8648ce3d030107a144034200'), point);
  return { point, ecdh, key: c.createPrivateKey({ key: sec1, format: 'der', type: 'sec1' }) };
}
export function newKey() {
  const ecdh = c.createECDH('prime256v1');
  ecdh.generateKeys();
  return privateKey(b(ecdh.getPrivateKey('hex').padStart(64, '0')));
}
export const dh = (own, point) => own.ecdh.computeSecret(point);
export const sign = (own, message) => c.sign('sha256', message, { key: own.key, dsaEncoding: 'ieee-p1363' });
export const verify = (point, message, signature) =>
  c.verify('sha256', message, { key: publicKey(point), dsaEncoding: 'ieee-p1363' }, signature);
export const KEM_PRIVATE = b('3054020100300b060960864801650304040204428040');
export const KEM_PUBLIC = b('308204b2300b0609608648016503040402038204a100');
export const kemPrivate = (seed) => c.createPrivateKey({ key: cat(KEM_PRIVATE, seed), format: 'der', type: 'pkcs8' });
export const kemPublic = (key) => c.createPublicKey({ key: cat(KEM_PUBLIC, key), format: 'der', type: 'spki' });

// Section 4: padding and bodies.
export function pad(...parts) {
  const packed = cat(...parts);
  return cat(packed, Buffer.alloc(-packed.length & 255));
}
export function unpad(padded, count) {
  const parts = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const length = padded.readUInt32BE(at);
    parts.push(padded.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  if (padded.length !== Math.ceil(at / 256) * 256 || padded.subarray(at).some((byte) => byte !== 0))
    throw new Error('padding');
  return parts;
}
export const ZERO = Buffer.alloc(12);
export function gcmSeal(key, nonce, data, plain) {
  const cipher = c.createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(data);
  return cat(cipher.update(plain), cipher.final(), cipher.getAuthTag());
}
export function gcmOpen(key, nonce, data, sealed) {
  const cipher = c.createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
  cipher.setAAD(data);
  cipher.setAuthTag(sealed.subarray(-16));
  return cat(cipher.update(sealed.subarray(0, -16)), cipher.final());
}

// AES-SIV (RFC 5297) from AES-ECB and AES-CTR.
export const ecb = (key, block) => {
  const cipher = c.createCipheriv('aes-256-ecb', key, null);
  cipher.setAutoPadding(false);
  return cat(cipher.update(block), cipher.final());
};
export const xor = (x, y) => Buffer.from(x.map((byte, i) => byte ^ y[i]));
export function double(block) {
  const shifted = (BigInt(`0x${block.toString('hex')}`) << 1n) & ((1n << 128n) - 1n);
  return u(16, block[0] & 128 ? shifted ^ 0x87n : shifted);
}
export function cmac(key, message) {
  const k1 = double(ecb(key, Buffer.alloc(16)));
  const whole = message.length > 0 && message.length % 16 === 0;
  const padded = whole ? message : cat(message, b('80'), Buffer.alloc((16 - ((message.length + 1) % 16)) % 16));
  const last = xor(padded.subarray(-16), whole ? k1 : double(k1));
  let state = Buffer.alloc(16);
  for (let at = 0; at < padded.length - 16; at += 16) state = ecb(key, xor(state, padded.subarray(at, at + 16)));
  return ecb(key, xor(state, last));
}
export function sivSeal(key, data, plain) {
  let d = cmac(key.subarray(0, 32), Buffer.alloc(16));
  for (const part of data) d = xor(double(d), cmac(key.subarray(0, 32), part));
  const iv = cmac(key.subarray(0, 32), cat(plain.subarray(0, -16), xor(plain.subarray(-16), d)));
  const start = Buffer.from(iv);
  start[8] &= 127;
  start[12] &= 127;
  return cat(iv, c.createCipheriv('aes-256-ctr', key.subarray(32), start).update(plain));
}
export function sivOpen(key, data, sealed) {
  const [macKey, encKey, iv] = [key.subarray(0, 32), key.subarray(32), sealed.subarray(0, 16)];
  const start = Buffer.from(iv);
  start[8] &= 127;
  start[12] &= 127;
  const plain = c.createDecipheriv('aes-256-ctr', encKey, start).update(sealed.subarray(16));
  let d = cmac(macKey, Buffer.alloc(16));
  for (const part of data) d = xor(double(d), cmac(macKey, part));
  const end = cat(plain.subarray(0, -16), xor(plain.subarray(-16), d));
  if (!cmac(macKey, end).equals(iv)) throw new Error('siv');
  return plain;
}

// cryptography.md section 11.
export function digits(x) {
  const hash = c.createHash('sha512').update(x).digest();
  const group = (i) => String(hash.readUIntBE(i * 5, 5) % 100_000).padStart(5, '0');
  return Array.from({ length: 12 }, (_, i) => group(i)).join(' ');
}

// cryptography.md section 6: STUN (RFC 8489).
export function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
export function stun(type, transaction, attributes, key) {
  const body = cat(...attributes.map(([kind, value]) => cat(u(2, kind), u(2, value.length), value)));
  const head = (length) => cat(u(2, type), u(2, length), u(4, 0x2112a442), transaction);
  const mac = cat(u(2, 0x1c), u(2, 32), hmac(key, head(body.length + 36), body));
  const printed = cat(head(body.length + 44), body, mac);
  return cat(printed, u(2, 0x8028), u(2, 4), u(4, (crc32(printed) ^ 0x5354554e) >>> 0));
}
