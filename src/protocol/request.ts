/** How a request proves who asks: lives, windows and the claims of each signed object (docs/protocol/identity.md §5). */
import * as v from 'valibot';
import { AccountId, DeviceId, encoded } from './identity.ts';

/** A client assertion lives no longer than this, s. */
export const CLIENT_ASSERTION_S = 60;
/** A DPoP proof's and a hello's time may differ from the server's by this much, s. */
export const PROOF_WINDOW_S = 60;
/** A DPoP nonce is accepted in its time bucket of this length and in the next, s. */
export const DPOP_NONCE_BUCKET_S = 120;
export const CLIENT_ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

const Seconds = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** Unique per signed object; the server remembers it while the object could be replayed. */
const Jti = v.pipe(v.string(), v.minLength(8), v.maxLength(128), v.regex(/^[\x21-\x7e]+$/));

/** JWT client assertion (RFC 7523 §3): `iss` = `sub` = the device id; `aud` = the issuer identifier and nothing else. */
export const ClientAssertionClaims = v.object({
  iss: DeviceId,
  sub: DeviceId,
  aud: v.string(),
  jti: Jti,
  iat: Seconds,
  exp: Seconds,
});
export type ClientAssertionClaims = v.InferOutput<typeof ClientAssertionClaims>;

/** Access token (RFC 9068), bound to the identity key by `cnf.jkt` (RFC 9449 §6.1). */
export const AccessTokenClaims = v.object({
  iss: v.string(),
  aud: v.string(),
  /** The account; the device itself for profile `device`. */
  sub: v.union([AccountId, DeviceId]),
  client_id: DeviceId,
  /** Serial of the certificate that obtained it, lowercase hexadecimal. */
  serial: v.pipe(v.string(), v.regex(/^[0-9a-f]{1,40}$/)),
  jti: Jti,
  iat: Seconds,
  exp: Seconds,
  cnf: v.object({ jkt: encoded(32) }),
});
export type AccessTokenClaims = v.InferOutput<typeof AccessTokenClaims>;

/** DPoP proof (RFC 9449 §4.2). */
export const DpopClaims = v.object({
  jti: Jti,
  htm: v.pipe(v.string(), v.maxLength(16)),
  htu: v.pipe(v.string(), v.maxLength(2_048)),
  iat: Seconds,
  ath: v.optional(encoded(32)),
  nonce: v.optional(v.pipe(v.string(), v.maxLength(128))),
});
export type DpopClaims = v.InferOutput<typeof DpopClaims>;

/** Why a request does not prove who asks; the client is told the reason, never which byte. */
export const REQUEST_REASONS = [
  'credentials-missing',
  'assertion-malformed',
  'assertion-audience',
  'assertion-lifetime',
  'assertion-expired',
  'assertion-subject',
  'assertion-signature',
  'certificate-refused',
  'token-malformed',
  'token-expired',
  'token-unknown-key',
  'token-signature',
  'token-issuer',
  'proof-malformed',
  'proof-signature',
  'proof-method',
  'proof-url',
  'proof-time',
  'proof-token-hash',
  'proof-key',
  'proof-nonce',
  'hello-malformed',
  'hello-deployment',
  'hello-device',
  'hello-time',
  'hello-nonce',
  'hello-signature',
] as const;
export type RequestReason = (typeof REQUEST_REASONS)[number];
