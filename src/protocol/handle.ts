import * as v from 'valibot';
import { AccountId, encoded } from './identity.ts';

export const HANDLE_MAX_LENGTH = 320;

/** How a handle was proved. */
export const HandleMethod = v.picklist(['sms', 'email', 'inbox', 'oidc', 'test']);
export type HandleMethod = v.InferOutput<typeof HandleMethod>;

/** A handle assertion lives no longer than this, s. */
export const ASSERTION_MAX_S = 24 * 3_600;

/** Claims of a handle assertion: a compact JWS of the directory key, ES256, `typ` callsign-handle+jwt, `kid` from the key set. */
export const HandleClaims = v.object({
  /** Issuer identifier: the deployment's public origin. */
  iss: v.pipe(v.string(), v.maxLength(256)),
  sub: AccountId,
  /** Canonical form (docs/protocol/directory.md §2). */
  handle: v.pipe(v.string(), v.maxLength(HANDLE_MAX_LENGTH)),
  /** Opens the commitment in the account's manifest. */
  salt: encoded(32),
  method: HandleMethod,
  /** Seconds since 1970, like iat and exp. */
  verified_at: v.pipe(v.number(), v.safeInteger()),
  iat: v.pipe(v.number(), v.safeInteger()),
  exp: v.pipe(v.number(), v.safeInteger()),
});
export type HandleClaims = v.InferOutput<typeof HandleClaims>;

/** Public P-256 key of a key set (RFC 7517 §4, RFC 7518 §6.2). */
export const PublicJwk = v.object({
  kty: v.literal('EC'),
  crv: v.literal('P-256'),
  x: encoded(32),
  y: encoded(32),
  kid: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  alg: v.literal('ES256'),
  use: v.literal('sig'),
});
export type PublicJwk = v.InferOutput<typeof PublicJwk>;

/** GET /.well-known/jwks.json: the keys that sign handle assertions and access tokens; two of a kind during a rotation. */
export const KeySet = v.object({ keys: v.pipe(v.array(PublicJwk), v.maxLength(16)) });
export type KeySet = v.InferOutput<typeof KeySet>;

/** A handle that its account gave up goes to nobody else for so long; nor one that its active account still holds, without its word. */
export const HANDLE_QUARANTINE_MS = 7 * 86_400_000;
/** An account that asked for something in this time is active. */
export const ACCOUNT_ACTIVE_MS = 30 * 86_400_000;

/** Verification codes. */
export const CODE = {
  digits: 6,
  lifeMs: 10 * 60_000,
  tries: 5,
  /** Wrong codes per handle and day, over all resends. */
  wrongPerDay: 15,
} as const;

/** What an account's devices are told of its handles: envelopes of topic `account`. `until` in ms: then it may be the other one's. */
export const HandleNews = v.variant('type', [
  v.object({ type: v.literal('handle-claimed'), handle: v.string(), until: v.number() }),
  v.object({ type: v.literal('handle-lost'), handle: v.string() }),
]);
export type HandleNews = v.InferOutput<typeof HandleNews>;
