/** A private key that may live elsewhere: a JWK in a secret today, a key management service tomorrow. */
export type SignatureAlgorithm = 'ES256' | 'ES384';

export interface Signer {
  /** Names the key: `kid` in JWS headers, in records, and in key sets. */
  readonly keyId: string;
  readonly algorithm: SignatureAlgorithm;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** How long a caller waits for one signature, milliseconds. */
  readonly timeLimitMs: number;
  /** ECDSA signature r || s over `data`. Rejects with SignerUnavailable when the key cannot be used now. */
  sign(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
}

/** The key store did not answer, or not in time. Nothing was signed as far as the caller knows. */
export class SignerUnavailable extends Error {
  override readonly name = 'SignerUnavailable';
}

const PARAMETERS = { ES256: ['P-256', 'SHA-256', 64], ES384: ['P-384', 'SHA-384', 96] } as const;

/** A private EC JWK (RFC 7518 §6.2) as it is kept in a secret; `kid` names it. */
export interface PrivateJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256' | 'P-384';
  readonly kid: string;
  readonly x: string;
  readonly y: string;
  readonly d: string;
}

/** Throws when the JWK is not a usable private key: a configuration error. */
export async function jwkSigner(jwk: PrivateJwk, timeLimitMs = 2_000): Promise<Signer> {
  const algorithm: SignatureAlgorithm = jwk.crv === 'P-256' ? 'ES256' : 'ES384';
  const [namedCurve, hash] = PARAMETERS[algorithm];
  const parameters = { name: 'ECDSA', namedCurve };
  const { kty, crv, x, y, d } = jwk;
  const secret = await crypto.subtle.importKey('jwk', { kty, crv, x, y, d }, parameters, false, ['sign']);
  const open = await crypto.subtle.importKey('jwk', { kty, crv, x, y }, parameters, true, ['verify']);
  return {
    keyId: jwk.kid,
    algorithm,
    publicKey: new Uint8Array(await crypto.subtle.exportKey('spki', open)),
    timeLimitMs,
    sign: async (data) => new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash }, secret, data)),
  };
}

/** The signer with its time limit enforced; `after` resolves when that many milliseconds have passed, by the host's clock. */
export function withTimeLimit(signer: Signer, after: (ms: number) => Promise<void>): Signer {
  const late = async (): Promise<never> => {
    await after(signer.timeLimitMs);
    throw new SignerUnavailable(`key ${signer.keyId} gave no signature within ${signer.timeLimitMs} ms`);
  };
  const { keyId, algorithm, publicKey, timeLimitMs } = signer;
  return { keyId, algorithm, publicKey, timeLimitMs, sign: (data) => Promise.race([signer.sign(data), late()]) };
}

/** Whether `signature` is the signer's over `data`: a key store that signs wrongly must not get its work published. */
export async function signedBy(
  signer: Signer,
  signature: Uint8Array<ArrayBuffer>,
  data: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const [namedCurve, hash, length] = PARAMETERS[signer.algorithm];
  if (signature.length !== length) return false;
  const key = await crypto.subtle.importKey('spki', signer.publicKey, { name: 'ECDSA', namedCurve }, false, ['verify']);
  return crypto.subtle.verify({ name: 'ECDSA', hash }, key, signature, data);
}
