/** Signatures over certificates and statements, checked with WebCrypto. */
import { base64url } from '../../bytes/base64url.ts';
import { readDer, sequence, unsignedInteger } from '../../bytes/der.ts';
import type { Curve, PublicKey, SignatureAlgorithm } from './public-key.ts';

export type SignatureResult =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** `signature-algorithm`: algorithm and key do not belong together, or the algorithm is not allowed here. */
      readonly reason: 'signature-invalid' | 'signature-algorithm' | 'algorithm-unavailable';
    };

export interface SignatureRules {
  /** Only for the keys that a profile names; off everywhere else. */
  readonly sha1?: boolean;
  /** ECDSA as r || s of the curve's size instead of DER. */
  readonly raw?: boolean;
}

const VALID: SignatureResult = { ok: true };
const INVALID: SignatureResult = { ok: false, reason: 'signature-invalid' };
const MISMATCH: SignatureResult = { ok: false, reason: 'signature-algorithm' };
const UNAVAILABLE: SignatureResult = { ok: false, reason: 'algorithm-unavailable' };

const FIELD_SIZE: Readonly<Record<Curve, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66 };

/** Whether `signature` over `data` is `key`'s. Never throws: what WebCrypto cannot import or check is a refusal. */
export async function verifySignature(
  algorithm: SignatureAlgorithm,
  key: PublicKey,
  data: Uint8Array,
  signature: Uint8Array,
  rules: SignatureRules = {},
): Promise<SignatureResult> {
  if ('hash' in algorithm && algorithm.hash === 'SHA-1' && rules.sha1 !== true) return MISMATCH;
  const plan = planFor(algorithm, key);
  if (plan === null) return MISMATCH;
  const bytes = key.kind === 'ec' && rules.raw !== true ? rawEcdsa(signature, key.curve) : signature;
  if (bytes === null) return INVALID;
  let imported: CryptoKey;
  try {
    imported = await plan.key();
  } catch (error) {
    // A runtime without the key format says TypeError, without the algorithm NotSupportedError.
    return error instanceof TypeError || isUnsupported(error) ? UNAVAILABLE : INVALID;
  }
  try {
    const valid = await crypto.subtle.verify(plan.verify, imported, bytes.slice(), data.slice());
    return valid ? VALID : INVALID;
  } catch (error) {
    // Deno looks at a key's point only here, and then says TypeError.
    return isUnsupported(error) ? UNAVAILABLE : INVALID;
  }
}

function isUnsupported(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'NotSupportedError';
}

interface Plan {
  readonly verify: AlgorithmIdentifier | EcdsaParams | RsaPssParams;
  readonly key: () => Promise<CryptoKey>;
}

/** The table of which algorithm goes with which key; null is a mismatch. */
function planFor(algorithm: SignatureAlgorithm, key: PublicKey): Plan | null {
  switch (algorithm.kind) {
    case 'ecdsa':
      if (key.kind !== 'ec') return null;
      return {
        verify: { name: 'ECDSA', hash: algorithm.hash },
        key: () => importRaw(key.point, { name: 'ECDSA', namedCurve: key.curve }),
      };
    case 'ed25519':
      return key.kind === 'ed25519' ? { verify: 'Ed25519', key: () => importRaw(key.raw, 'Ed25519') } : null;
    case 'rsa-pkcs1':
      if (key.kind !== 'rsa' || key.use !== 'any') return null;
      return {
        verify: 'RSASSA-PKCS1-v1_5',
        key: () => importRsa(key, { name: 'RSASSA-PKCS1-v1_5', hash: algorithm.hash }),
      };
    case 'rsa-pss':
      if (key.kind !== 'rsa' || key.use === 'oaep') return null;
      return {
        verify: { name: 'RSA-PSS', saltLength: algorithm.saltLength },
        key: () => importRsa(key, { name: 'RSA-PSS', hash: algorithm.hash }),
      };
    case 'ml-dsa':
      if (key.kind !== 'ml-dsa' || key.parameters !== algorithm.parameters) return null;
      return { verify: `ML-DSA-${key.parameters}`, key: () => importMlDsa(key) };
    default:
      return null;
  }
}

/** Whether this runtime can check signatures of such a key at all; WebCrypto has ML-DSA in some and not in others. */
export async function isAvailable(key: PublicKey): Promise<boolean> {
  if (key.kind !== 'ml-dsa') return key.kind !== 'unknown';
  return importMlDsa(key).then(
    () => true,
    () => false,
  );
}

/** FIPS 204 keys by the raw format that WICG's modern algorithms name `raw-public`; the compiler's library knows it not yet. */
function importMlDsa({ raw, parameters }: PublicKey & { kind: 'ml-dsa' }): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw-public' as 'raw', raw.slice(), `ML-DSA-${parameters}`, false, ['verify']);
}

function importRaw(raw: Uint8Array, algorithm: EcKeyImportParams | string): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', raw.slice(), algorithm, false, ['verify']);
}

/** By its numbers: runtimes refuse key infos whose algorithm identifier is id-RSASSA-PSS. */
function importRsa(key: PublicKey & { kind: 'rsa' }, algorithm: RsaHashedImportParams): Promise<CryptoKey> {
  const jwk = { kty: 'RSA', n: base64url(key.modulus), e: base64url(key.exponent) };
  return crypto.subtle.importKey('jwk', jwk, algorithm, false, ['verify']);
}

/** Ecdsa-Sig-Value (RFC 3279 §2.2.3) as r || s; null unless it is DER of two integers that fit the curve. */
export function rawEcdsa(signature: Uint8Array, curve: Curve): Uint8Array | null {
  const parts = sequence(readDer(signature))?.map(unsignedInteger) ?? [];
  const size = FIELD_SIZE[curve];
  if (parts.length !== 2 || parts.some((part) => part === null || part.length > size)) return null;
  const raw = new Uint8Array(2 * size);
  parts.forEach((part, i) => raw.set(part!, (i + 1) * size - part!.length));
  return raw;
}
