/** SrtpCrypto in plain JavaScript, for browsers, whose own cryptography is asynchronous. */
import { ctr } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import type { SrtpCrypto } from './srtp-crypto.ts';

export const nobleSrtp: SrtpCrypto = {
  name: 'noble',
  counterMode: (key) => (counter, data) => data.set(ctr(key, counter).encrypt(data)),
  hmacSha1(key) {
    const keyed = hmac.create(sha1, key);
    return (data, suffix) => keyed.clone().update(data).update(suffix).digest();
  },
};
