/** SrtpCrypto on the module node:crypto, which is handed in so that nothing here is bound to Node. Works on Deno, too. */
import type { SrtpCrypto } from './srtp-crypto.ts';

/** The part of node:crypto that is used. */
export interface NodeCrypto {
  createCipheriv(algorithm: string, key: Uint8Array, iv: Uint8Array): { update(data: Uint8Array): Uint8Array };
  createHmac(algorithm: string, key: Uint8Array): NodeHmac;
}
interface NodeHmac {
  update(data: Uint8Array): NodeHmac;
  digest(): Uint8Array;
}

export function nodeSrtp(crypto: NodeCrypto): SrtpCrypto {
  return {
    name: 'node',
    counterMode(key) {
      const algorithm = `aes-${key.length * 8}-ctr`;
      return (counter, data) => data.set(crypto.createCipheriv(algorithm, key, counter).update(data));
    },
    hmacSha1: (key) => (data, suffix) => crypto.createHmac('sha1', key).update(data).update(suffix).digest(),
  };
}
