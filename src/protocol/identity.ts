import * as v from 'valibot';

/** Account id: base32 (RFC 4648 §6, lower case, no padding) of the SHA-256 of the genesis manifest's payload; 32 bytes, 52 characters. */
export const AccountId = v.pipe(v.string(), v.regex(/^[a-z2-7]{51}[aq]$/));
export type AccountId = v.InferOutput<typeof AccountId>;

/** Device id: base32 of 16 random bytes that the server chose; 26 characters. */
export const DeviceId = v.pipe(v.string(), v.regex(/^[a-z2-7]{25}[aeimquy4]$/));
export type DeviceId = v.InferOutput<typeof DeviceId>;

/** base64url without padding (RFC 4648 §5) of exactly `bytes` bytes. */
export function encoded(bytes: number) {
  return v.pipe(v.string(), v.length(Math.ceil((bytes * 8) / 6)), v.regex(/^[A-Za-z0-9_-]*$/));
}

/** base64url text of at most `bytes` bytes. */
export function encodedUpTo(bytes: number) {
  return v.pipe(v.string(), v.maxLength(Math.ceil((bytes * 8) / 6)), v.regex(/^[A-Za-z0-9_-]*$/));
}

/** SHA-256, base64url. */
export const Hash = encoded(32);

/** SubjectPublicKeyInfo (DER) of an uncompressed P-256 key: 91 bytes, base64url. The fixed part is compared when it is read. */
export const P256Key = encoded(91);

/** ECDSA P-256 signature as r || s (RFC 7518 §3.4): 64 bytes, base64url. */
export const Signature = encoded(64);

/** DER certificates, base64url, leaf first; the root is not part of it. */
export const CertificateChain = v.pipe(v.array(encodedUpTo(2048)), v.minLength(1), v.maxLength(3));

/** Milliseconds since 1970. */
export const Millis = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** URI of the certificate's subject alternative name: `callsign:<account>/<device>`. */
export const SAN_SCHEME = 'callsign:';

/** Our arc, 2.25.<UUID> with a UUID that fits 31 bits: longer arcs are refused by GnuTLS and Go (docs/decisions/0005-certificate-oids.md). */
export const OID_ARC = '2.25.1823119887';
/** Extended key usage: signs invitations and answers of calls. */
export const OID_CALL_SIGNING = `${OID_ARC}.1`;
/** Certificate extension: what the hardware vouched for (docs/identity-certificate.asn1). */
export const OID_ASSURANCE = `${OID_ARC}.2`;
/** PKCS#10 attribute: the enrollment or renewal transcript, OCTET STRING of 32 bytes. */
export const OID_TRANSCRIPT = `${OID_ARC}.3`;

/** The `typ` of everything an identity or server key signs as a JWS; no key signs a JWS without one of these. */
export const TYP = {
  manifest: 'callsign-manifest+jws',
  handle: 'callsign-handle+jwt',
  clientAuthentication: 'client-authentication+jwt',
  dpop: 'dpop+jwt',
  accessToken: 'at+jwt',
  hello: 'callsign-hello+jws',
  reset: 'callsign-reset+jwt',
  veto: 'callsign-veto+jws',
  recovery: 'callsign-recovery+jws',
} as const;
