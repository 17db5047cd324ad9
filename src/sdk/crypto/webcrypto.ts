/** CryptoProvider on crypto.subtle (browsers in a secure context, Node, Deno), with ML-KEM-768 beside it. */
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { concat } from '../../bytes/join.ts';
import { verifyAll } from '../../directory/signature.ts';
import { decapsulate, encapsulate, restoreKem } from './kem.ts';
import { isPoint } from './point.ts';
import type { AgreementKey, Bytes, CryptoProvider, GcmKey, SigningKey, StoredKey, WrappingKey } from './provider.ts';
import { SIZES } from './provider.ts';

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' };
const ES256 = { name: 'ECDSA', hash: 'SHA-256' };
const ECDH = { name: 'ECDH', namedCurve: 'P-256' };

/** WebCrypto takes views of ArrayBuffers only, which every array here is. */
const own = (data: Uint8Array): Bytes => data as Bytes;

export function webCrypto(crypto: Crypto = globalThis.crypto): CryptoProvider {
  const { subtle } = crypto;
  const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length));
  const bytes = async (buffer: Promise<ArrayBuffer>): Promise<Bytes> => new Uint8Array(await buffer);
  const publicKey = async (pair: CryptoKeyPair): Promise<Bytes> => bytes(subtle.exportKey('raw', pair.publicKey));
  async function gcmOpen(key: CryptoKey, nonce: Uint8Array, data: Uint8Array, sealed: Uint8Array) {
    if (sealed.length < 16) return null;
    const algorithm = { name: 'AES-GCM', iv: own(nonce), additionalData: own(data) };
    return bytes(subtle.decrypt(algorithm, key, own(sealed))).catch(() => null);
  }

  async function gcm(raw: Uint8Array): Promise<GcmKey> {
    const key = await subtle.importKey('raw', own(raw), 'AES-GCM', false, ['encrypt', 'decrypt']);
    return {
      async seal(nonce, data, plaintext) {
        const algorithm = { name: 'AES-GCM', iv: own(nonce), additionalData: own(data) };
        return bytes(subtle.encrypt(algorithm, key, own(plaintext)));
      },
      open: (nonce, data, sealed) => gcmOpen(key, nonce, data, sealed),
    };
  }

  async function stored(pair: CryptoKeyPair, point: Bytes, exportable: boolean): Promise<StoredKey> {
    if (!exportable) return { kind: 'pair', publicKey: point, pair };
    const { d } = await subtle.exportKey('jwk', pair.privateKey);
    return { kind: 'scalar', publicKey: point, scalar: fromBase64url(d!)! };
  }

  async function pairOf(key: StoredKey, algorithm: typeof ECDH, usage: KeyUsage): Promise<CryptoKeyPair> {
    if (key.kind === 'pair') return key.pair;
    const [x, y] = [base64url(key.publicKey.subarray(1, 33)), base64url(key.publicKey.subarray(33))];
    const jwk = { kty: 'EC', crv: 'P-256', x, y };
    const [privateKey, publicHalf] = await Promise.all([
      subtle.importKey('jwk', { ...jwk, d: base64url(key.scalar) }, algorithm, false, [usage]),
      subtle.importKey('jwk', jwk, algorithm, true, usage === 'sign' ? ['verify'] : []),
    ]);
    return { privateKey, publicKey: publicHalf };
  }

  async function signingKey(pair: CryptoKeyPair, kept: StoredKey): Promise<SigningKey> {
    const sign = (message: Uint8Array) => bytes(subtle.sign(ES256, pair.privateKey, own(message)));
    return { publicKey: kept.publicKey, sign, stored: kept };
  }

  async function agreementKey(pair: CryptoKeyPair, kept: StoredKey): Promise<AgreementKey> {
    let privateKey: CryptoKey | null = pair.privateKey;
    return {
      publicKey: kept.publicKey,
      stored: kept,
      async agree(peer) {
        if (privateKey === null || !isPoint(peer)) return null;
        const held = privateKey;
        const other = await subtle.importKey('raw', own(peer), ECDH, false, []);
        return bytes(subtle.deriveBits({ name: 'ECDH', public: other }, held, 256));
      },
      erase() {
        privateKey = null;
      },
    };
  }

  async function wrappingKey(key: CryptoKey): Promise<WrappingKey & { stored: CryptoKey }> {
    return {
      stored: key,
      async wrap(secret) {
        const iv = random(12);
        return concat(iv, await bytes(subtle.encrypt({ name: 'AES-GCM', iv }, key, own(secret))));
      },
      async unwrap(wrapped) {
        if (wrapped.length < 28) return null;
        return gcmOpen(key, wrapped.subarray(0, 12), new Uint8Array(), wrapped.subarray(12));
      },
    };
  }

  return {
    name: 'webcrypto',
    random,
    sha256: (data) => bytes(subtle.digest('SHA-256', own(data))),
    sha512: (data) => bytes(subtle.digest('SHA-512', own(data))),
    async hmacSha256(key, data) {
      const algorithm = { name: 'HMAC', hash: 'SHA-256' };
      return bytes(subtle.sign('HMAC', await subtle.importKey('raw', own(key), algorithm, false, ['sign']), own(data)));
    },
    async hkdf(ikm, salt, info, length) {
      const key = await subtle.importKey('raw', own(ikm), 'HKDF', false, ['deriveBits']);
      const algorithm = { name: 'HKDF', hash: 'SHA-256', salt: own(salt), info: own(info) };
      return bytes(subtle.deriveBits(algorithm, key, length * 8));
    },
    gcm,
    gcmSeal: async (key, nonce, data, plaintext) => (await gcm(key)).seal(nonce, data, plaintext),
    gcmOpen: async (key, nonce, data, sealed) => (await gcm(key)).open(nonce, data, sealed),
    async verify(point, message, signature) {
      if (signature.length !== SIZES.signature || !isPoint(point)) return false;
      const key = await subtle.importKey('raw', own(point), ECDSA, false, ['verify']);
      return subtle.verify(ES256, key, own(signature), own(message));
    },
    async holds(check) {
      const [held] = await verifyAll(subtle, [check]);
      return held === true;
    },
    async generateSigningKey({ exportable = false } = {}) {
      const pair = await subtle.generateKey(ECDSA, exportable, ['sign', 'verify']);
      return signingKey(pair, await stored(pair, await publicKey(pair), exportable));
    },
    async generateAgreementKey({ exportable = false } = {}) {
      const pair = await subtle.generateKey(ECDH, exportable, ['deriveBits']);
      return agreementKey(pair, await stored(pair, await publicKey(pair), exportable));
    },
    restoreSigningKey: async (kept) => signingKey(await pairOf(kept, ECDSA, 'sign'), kept),
    restoreAgreementKey: async (kept) => agreementKey(await pairOf(kept, ECDH, 'deriveBits'), kept),
    generateWrappingKey: async () =>
      wrappingKey(await subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])),
    async restoreWrappingKey(kept) {
      if (!(kept instanceof Uint8Array)) return wrappingKey(kept);
      return wrappingKey(await subtle.importKey('raw', kept, 'AES-GCM', false, ['encrypt', 'decrypt']));
    },
    generateKem: () => restoreKem(random(SIZES.kemSeed)),
    restoreKem,
    encapsulate: (key) => encapsulate(key, random(32)),
    decapsulate,
  };
}
