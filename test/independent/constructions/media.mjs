/** cryptography.md sections 8 and 9: SRTP (RFC 3711, RFC 6188) and SFrame (RFC 9605, suite 5). */
import * as c from 'node:crypto';
import { b, cat, gcmSeal, u, xor } from '../primitives.mjs';

const hex = (bytes) => bytes.toString('hex');

/** RFC 3711 section 4.3.1 with the AES-256 of RFC 6188. */
const keystream = (key, iv, n) => c.createCipheriv('aes-256-ctr', key, iv).update(Buffer.alloc(n));
function sessionKey(i, label, n) {
  const x = cat(b(i.salt), Buffer.alloc(2));
  x[7] ^= label;
  return keystream(b(i.master), x, n);
}
const sha1 = (key, ...parts) =>
  c
    .createHmac('sha1', key)
    .update(cat(...parts))
    .digest()
    .subarray(0, 10);
/** Section 4.1.1: (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16). */
const ivOf = (salt, ssrc, index) =>
  xor(xor(cat(salt, Buffer.alloc(2)), cat(u(8, ssrc), u(8, 0))), cat(u(8, 0), u(6, index), u(2, 0)));

function protect(i) {
  const packet = b(i.packet);
  const header = 12 + 4 * (packet[0] & 15);
  const index = i.rollover * 65_536 + packet.readUInt16BE(2);
  const iv = ivOf(sessionKey(i, 2, 14), packet.readUInt32BE(8), index);
  const plain = packet.subarray(header);
  const sealed = cat(packet.subarray(0, header), xor(plain, keystream(sessionKey(i, 0, 32), iv, plain.length)));
  return cat(sealed, sha1(sessionKey(i, 1, 20), sealed, u(4, i.rollover)));
}

function protectRtcp(i) {
  const packet = b(i.packet);
  const iv = ivOf(sessionKey(i, 5, 14), packet.readUInt32BE(4), i.index);
  const plain = packet.subarray(8);
  const sealed = cat(packet.subarray(0, 8), xor(plain, keystream(sessionKey(i, 3, 32), iv, plain.length)));
  const authentic = cat(sealed, u(4, 2 ** 31 + i.index));
  return cat(authentic, sha1(sessionKey(i, 4, 20), authentic));
}

// SFrame, section 4.4 of RFC 9605.
const extract = (key) => c.createHmac('sha512', '').update(key).digest();
const expand = (secret, info, n) =>
  c
    .createHmac('sha512', secret)
    .update(cat(info, b('01')))
    .digest()
    .subarray(0, n);
function number(value) {
  if (value < 8) return [value, Buffer.alloc(0)];
  const length = Math.max(1, Math.ceil(value.toString(16).length / 2));
  return [8 + length - 1, u(length, value)];
}
function frame(i) {
  const secret = extract(b(i.baseKey));
  const derive = (label, n) => expand(secret, cat(`SFrame 1.0 Secret ${label} `, u(8, i.kid), u(2, 5)), n);
  const [kid, counter] = [number(i.kid), number(i.counter)];
  const header = cat(u(1, kid[0] * 16 + counter[0]), kid[1], counter[1]);
  const nonce = xor(derive('salt', 12), u(12, i.counter));
  return cat(header, gcmSeal(derive('key', 32), nonce, cat(header, b(i.metadata)), b(i.frame)));
}

export const media = {
  'srtp/session-keys': (i) => ({
    rtp: [sessionKey(i, 0, 32), sessionKey(i, 1, 20), sessionKey(i, 2, 14)].map(hex),
    rtcp: [sessionKey(i, 3, 32), sessionKey(i, 4, 20), sessionKey(i, 5, 14)].map(hex),
  }),
  'srtp/packet': (i) => hex(protect(i)),
  'srtp/control-packet': (i) => hex(protectRtcp(i)),
  'sframe/frame': (i) => hex(frame(i)),
};
