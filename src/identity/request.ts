/** The certification request that a device sends (PKCS#10, RFC 2986): its key and the transcript, no names, no extensions. */
import {
  derBits,
  derExplicit,
  derEcdsaSignature,
  derOctets,
  derOid,
  derSequence,
  derSet,
  derUnsigned,
} from '../bytes/der-write.ts';
import { OID_TRANSCRIPT } from '../protocol/identity.ts';

const ECDSA_SHA256 = '1.2.840.10045.4.3.2';

/** CertificationRequestInfo: what the key signs with ES256. `key` is a P-256 SubjectPublicKeyInfo, `transcript` has 32 bytes. */
export function requestBody(key: Uint8Array, transcript: Uint8Array): Uint8Array<ArrayBuffer> {
  const attribute = derSequence(derOid(OID_TRANSCRIPT), derSet(derOctets(transcript)));
  return derSequence(derUnsigned(new Uint8Array([0])), derSequence(), key, derExplicit(0, attribute));
}

/** The request, DER, from its body and the signature r || s over it. */
export function signedRequest(body: Uint8Array, signature: Uint8Array): Uint8Array<ArrayBuffer> {
  return derSequence(body, derSequence(derOid(ECDSA_SHA256)), derBits(derEcdsaSignature(signature)));
}
