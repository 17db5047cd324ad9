/**
 * The primitives that call cryptography is built from, as a port. `webcrypto.ts` implements it on crypto.subtle,
 * `noble.ts` without it; a private key is always behind a handle, so that it may live in a TPM or a secure enclave.
 */

import type { SignatureCheck } from '../../directory/signature.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

/**
 * What a key store keeps of a handle: a pair of (non-extractable) CryptoKeys where the platform can store such,
 * else the 32-byte big-endian private scalar. Structured-cloneable. `publicKey` is the 65-byte uncompressed point.
 */
export type StoredKey =
  | { kind: 'pair'; publicKey: Bytes; pair: CryptoKeyPair }
  | { kind: 'scalar'; publicKey: Bytes; scalar: Bytes };

/** A P-256 signing key. `publicKey` is the uncompressed point (SEC 1 §2.3.3), 65 bytes. */
export interface SigningKey {
  readonly publicKey: Bytes;
  /** ES256 over the message: r || s, 64 bytes (RFC 7518 §3.4). */
  readonly sign: (message: Uint8Array) => Promise<Bytes>;
  /** Absent when the key cannot leave its hardware. */
  readonly stored?: StoredKey;
}

/** A P-256 key agreement key. */
export interface AgreementKey {
  readonly publicKey: Bytes;
  /** x-coordinate of the shared point, 32 bytes (SP 800-56A §5.7.1.2); null when the peer's key is not a point of the curve. */
  agree(peer: Uint8Array): Promise<Bytes | null>;
  /** Drops what this handle can drop; every later `agree` answers null. Whoever stored the key deletes it there. */
  erase(): void;
  readonly stored?: StoredKey;
}

/** An ML-KEM-768 key (FIPS 203). `seed` is d || z, 64 bytes, the form in which it is kept; `publicKey` is 1,184 bytes. */
export interface KemKey {
  readonly publicKey: Bytes;
  readonly seed: Bytes;
}

/** A non-extractable key under which a store wraps what must be kept as bytes, such as a KEM seed. */
export interface WrappingKey {
  wrap(secret: Uint8Array): Promise<Bytes>;
  unwrap(wrapped: Uint8Array): Promise<Bytes | null>;
}

/** An AES-GCM key in use. `open` gives null when it does not authenticate. */
export interface GcmKey {
  seal(nonce: Uint8Array, data: Uint8Array, plaintext: Uint8Array): Promise<Bytes>;
  open(nonce: Uint8Array, data: Uint8Array, sealed: Uint8Array): Promise<Bytes | null>;
}

export interface CryptoProvider {
  /** 'webcrypto' or 'noble', for diagnostics. */
  readonly name: string;
  random(length: number): Bytes;
  sha256(data: Uint8Array): Promise<Bytes>;
  /** Of numbers that people compare, and nothing else. */
  sha512(data: Uint8Array): Promise<Bytes>;
  hmacSha256(key: Uint8Array, data: Uint8Array): Promise<Bytes>;
  /** HKDF-SHA256, extract and expand (RFC 5869); length <= 8160. */
  hkdf(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Promise<Bytes>;
  /** AES-GCM, 16- or 32-byte key, 12-byte nonce, 16-byte tag appended (SP 800-38D). */
  gcmSeal(key: Uint8Array, nonce: Uint8Array, data: Uint8Array, plaintext: Uint8Array): Promise<Bytes>;
  /** Null when it does not authenticate. */
  gcmOpen(key: Uint8Array, nonce: Uint8Array, data: Uint8Array, sealed: Uint8Array): Promise<Bytes | null>;
  /** The same with a key imported once, for many messages. */
  gcm(key: Uint8Array): Promise<GcmKey>;

  /** ES256; false for anything that is not a valid signature by a valid key. High s is accepted, as WebCrypto does. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
  /** A signature of a certificate, manifest or assertion, as the rules name it; false for anything that does not hold. */
  holds(check: SignatureCheck): Promise<boolean>;
  /** `exportable` only for stores that cannot keep a CryptoKey (files, keychains): the handle's `stored` is then a scalar. */
  generateSigningKey(options?: { exportable?: boolean }): Promise<SigningKey>;
  generateAgreementKey(options?: { exportable?: boolean }): Promise<AgreementKey>;
  restoreSigningKey(stored: StoredKey): Promise<SigningKey>;
  restoreAgreementKey(stored: StoredKey): Promise<AgreementKey>;
  generateWrappingKey(): Promise<WrappingKey & { readonly stored: CryptoKey | Bytes }>;
  restoreWrappingKey(stored: CryptoKey | Bytes): Promise<WrappingKey>;

  generateKem(): Promise<KemKey>;
  restoreKem(seed: Uint8Array): Promise<KemKey>;
  /** Null when the key has not the length and modulus of ML-KEM-768 (FIPS 203 §7.2). */
  encapsulate(publicKey: Uint8Array): Promise<{ ciphertext: Bytes; secret: Bytes } | null>;
  /** Never fails for a 1,088-byte ciphertext: a wrong one gives a pseudorandom secret (implicit rejection). Null for another length. */
  decapsulate(key: KemKey, ciphertext: Uint8Array): Promise<Bytes | null>;
}

export const SIZES = { point: 65, signature: 64, scalar: 32, kemKey: 1184, kemCiphertext: 1088, kemSeed: 64 } as const;
