import { derBits, derEcdsaSignature, derSequence } from '../bytes/der-write.ts';
import { type SignatureAlgorithm, signedBy, type Signer, SignerUnavailable } from './signer.ts';
import { algorithmIdentifier } from './x509.ts';

/** SEQUENCE { body, algorithm, signature }: how certificates and lists are signed (RFC 5280 §4.1.1). */
export async function signBody(body: Uint8Array<ArrayBuffer>, signer: Signer): Promise<Uint8Array<ArrayBuffer>> {
  const signature = await signer.sign(body);
  if (!(await signedBy(signer, signature, body))) {
    throw new SignerUnavailable(`key ${signer.keyId} gave a signature that does not verify`);
  }
  return wrap(body, signer.algorithm, signature);
}

/** The same with a given signature r || s. */
export function wrap(body: Uint8Array, algorithm: SignatureAlgorithm, signature: Uint8Array): Uint8Array<ArrayBuffer> {
  return derSequence(body, algorithmIdentifier(algorithm), derBits(derEcdsaSignature(signature)));
}
