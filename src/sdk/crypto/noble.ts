/**
 * CryptoProvider without crypto.subtle, for contexts that lack it (pages served over plain HTTP, some embedded engines).
 * Needs only a source of random bytes. Private keys are plain scalars here: whoever stores them protects them.
 */
import { gcm } from '@noble/ciphers/aes.js';
import { p256, p384 } from '@noble/curves/nist.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { fromHex } from '../../bytes/hex.ts';
import { concat, equal } from '../../bytes/join.ts';
import type { SignatureCheck } from '../../directory/signature.ts';
import { decapsulate, encapsulate, restoreKem } from './kem.ts';
import { isPoint, SPKI_PREFIX as P256_PREFIX } from './point.ts';
import type { AgreementKey, Bytes, CryptoProvider, SigningKey, StoredKey, WrappingKey } from './provider.ts';
import { SIZES } from './provider.ts';

const ANY_S = { lowS: false };

function scalarOf(kept: StoredKey): Bytes {
  if (kept.kind === 'pair') throw new TypeError('a CryptoKey cannot be used without crypto.subtle');
  return kept.scalar;
}

function signingKey(kept: StoredKey): SigningKey {
  const scalar = scalarOf(kept);
  return {
    publicKey: kept.publicKey,
    stored: kept,
    sign: async (message) => p256.sign(message, scalar, ANY_S),
  };
}

function agreementKey(kept: StoredKey): AgreementKey {
  let scalar: Bytes | null = scalarOf(kept);
  return {
    publicKey: kept.publicKey,
    stored: kept,
    async agree(peer) {
      if (scalar === null || !isPoint(peer)) return null;
      return p256.getSharedSecret(scalar, peer).slice(1, 33);
    },
    erase() {
      scalar?.fill(0);
      scalar = null;
    },
  };
}

function gcmOpen(key: Uint8Array, nonce: Uint8Array, data: Uint8Array, sealed: Uint8Array): Bytes | null {
  if (sealed.length < 16) return null;
  try {
    return gcm(key, nonce, data).decrypt(sealed);
  } catch {
    return null;
  }
}

/** SubjectPublicKeyInfo of an uncompressed P-384 point (RFC 5480 §2), before its 97 bytes. */
const P384_PREFIX = fromHex('3076301006072a8648ce3d020106052b81040022036200')!;

function holds({ algorithm, key, data, signature }: SignatureCheck): boolean {
  const [curve, prefix, size] =
    algorithm === 'ES256' ? ([p256, P256_PREFIX, 65] as const) : ([p384, P384_PREFIX, 97] as const);
  const point = key.subarray(prefix.length);
  if (point.length !== size || !equal(key.subarray(0, prefix.length), prefix)) return false;
  try {
    return curve.verify(signature, data, point, ANY_S);
  } catch {
    return false;
  }
}

export function nobleCrypto(source: Pick<Crypto, 'getRandomValues'> = globalThis.crypto): CryptoProvider {
  const random = (length: number): Bytes => source.getRandomValues(new Uint8Array(length));

  function generate(): StoredKey {
    const scalar = p256.utils.randomSecretKey(random(p256.lengths.seed!)) as Bytes;
    return { kind: 'scalar', scalar, publicKey: p256.getPublicKey(scalar, false) };
  }

  function wrappingKey(key: Bytes): WrappingKey & { stored: Bytes } {
    return {
      stored: key,
      async wrap(secret) {
        const nonce = random(12);
        return concat(nonce, gcm(key, nonce).encrypt(secret));
      },
      async unwrap(wrapped) {
        if (wrapped.length < 28) return null;
        return gcmOpen(key, wrapped.subarray(0, 12), new Uint8Array(), wrapped.subarray(12));
      },
    };
  }

  return {
    name: 'noble',
    random,
    sha256: async (data) => sha256(data),
    sha512: async (data) => sha512(data),
    hmacSha256: async (key, data) => hmac(sha256, key, data),
    hkdf: async (ikm, salt, info, length) => hkdf(sha256, ikm, salt, info, length),
    gcm: async (key) => ({
      seal: async (nonce, data, plaintext) => gcm(key, nonce, data).encrypt(plaintext),
      open: async (nonce, data, sealed) => gcmOpen(key, nonce, data, sealed),
    }),
    gcmSeal: async (key, nonce, data, plaintext) => gcm(key, nonce, data).encrypt(plaintext),
    gcmOpen: async (key, nonce, data, sealed) => gcmOpen(key, nonce, data, sealed),
    async verify(point, message, signature) {
      if (signature.length !== SIZES.signature || !isPoint(point)) return false;
      try {
        return p256.verify(signature, message, point, ANY_S);
      } catch {
        return false;
      }
    },
    holds: async (check) => holds(check),
    generateSigningKey: async () => signingKey(generate()),
    generateAgreementKey: async () => agreementKey(generate()),
    restoreSigningKey: async (kept) => signingKey(kept),
    restoreAgreementKey: async (kept) => agreementKey(kept),
    generateWrappingKey: async () => wrappingKey(random(32)),
    async restoreWrappingKey(kept) {
      if (!(kept instanceof Uint8Array)) throw new TypeError('a CryptoKey cannot be used without crypto.subtle');
      return wrappingKey(kept);
    },
    generateKem: () => restoreKem(random(SIZES.kemSeed)),
    restoreKem,
    encapsulate: (key) => encapsulate(key, random(32)),
    decapsulate,
  };
}
