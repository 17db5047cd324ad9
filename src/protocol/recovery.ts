/** Recovery (docs/protocol/directory.md §7): by the recovery key, and by handles with a delay that every device may end. */
import * as v from 'valibot';
import { AccountId, DeviceId, encoded, Millis } from './identity.ts';
import { SignedManifest } from './manifest.ts';

export const RECOVERY = {
  /** After a veto nobody starts another for this long, and what is over is remembered as long, ms. */
  afterVetoMs: 30 * 86_400_000,
  /** Handles that the account proved later than this before do not count, ms. */
  handleAgeMs: 7 * 86_400_000,
  /** How old a statement of the recovery key may be, s. */
  statementS: 300,
} as const;

export const RecoveryId = encoded(16);
export const RecoveryState = v.picklist(['pending', 'vetoed', 'completed']);
export type RecoveryState = v.InferOutput<typeof RecoveryState>;

const Handles = v.pipe(v.array(v.pipe(v.string(), v.minLength(3), v.maxLength(320))), v.minLength(1), v.maxLength(10));

/** POST /v1/recoveries: the caller's account proved these handles, which one other account holds, and asks to take them over. */
export const RecoveryRequest = v.object({ handles: Handles });
/** A compact JWS of the directory key, typ callsign-reset+jwt: claims are ResetClaims. */
export const RecoveryView = v.object({
  recovery: RecoveryId,
  state: RecoveryState,
  statement: v.string(),
  /** The veto, a compact JWS of a device of the account, typ callsign-veto+jws. */
  veto: v.nullable(v.string()),
  dueAt: Millis,
});
export type RecoveryView = v.InferOutput<typeof RecoveryView>;
/** GET /v1/recoveries: of the caller's own account. */
export const Recoveries = v.object({ recoveries: v.array(RecoveryView) });
/** POST /v1/recoveries/{recovery}/veto */
export const VetoRequest = v.object({ veto: v.pipe(v.string(), v.maxLength(2_048)) });

/** POST /v1/recoveries/accounts: a compact JWS of the recovery key, typ callsign-recovery+jws: claims are RecoveryClaims. */
export const RecoveryAccess = v.object({ statement: v.pipe(v.string(), v.maxLength(2_048)) });
export const RecoveryChain = v.object({ account: AccountId, manifests: v.array(SignedManifest), serverNow: Millis });

/** "`to` asked to take the handles of `sub` over": the state that the server vouches for when it signs. */
export const ResetClaims = v.object({
  iss: v.pipe(v.string(), v.maxLength(256)),
  sub: AccountId,
  to: AccountId,
  recovery: RecoveryId,
  state: RecoveryState,
  /** Seconds since 1970. */
  started_at: v.pipe(v.number(), v.safeInteger()),
  due_at: v.pipe(v.number(), v.safeInteger()),
  iat: v.pipe(v.number(), v.safeInteger()),
});
export type ResetClaims = v.InferOutput<typeof ResetClaims>;

/** "This recovery is not ours": by a device that is in the manifest. */
export const VetoClaims = v.object({
  sub: AccountId,
  recovery: RecoveryId,
  device: DeviceId,
  iat: v.pipe(v.number(), v.safeInteger()),
});
export type VetoClaims = v.InferOutput<typeof VetoClaims>;

/** Who has the recovery key asks where its account is: by a handle, or by its id. */
export const RecoveryClaims = v.object({
  aud: v.pipe(v.string(), v.maxLength(256)),
  of: v.pipe(v.string(), v.minLength(3), v.maxLength(320)),
  x: encoded(32),
  y: encoded(32),
  iat: v.pipe(v.number(), v.safeInteger()),
});
export type RecoveryClaims = v.InferOutput<typeof RecoveryClaims>;
