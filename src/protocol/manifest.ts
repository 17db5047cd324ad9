import * as v from 'valibot';
import { AccountId, DeviceId, encoded, encodedUpTo, Hash, Millis, P256Key, Signature } from './identity.ts';

export const MAX_DEVICES = 10;
export const MAX_HANDLES = 20;
/** Payload bytes of one manifest. */
export const MAX_MANIFEST = 12 * 1024;
/** `kid` of a signature by the account's recovery key, whose public key then travels in `jwk`. */
export const RECOVERY_KID = 'recovery';

/** One device. `addedAt` is the issuedAt of the version that brought this id and key together. */
export const ManifestDevice = v.looseObject({ id: DeviceId, key: P256Key, addedAt: Millis });
export type ManifestDevice = v.InferOutput<typeof ManifestDevice>;

export const Recovery = v.strictObject({
  /** `delay`: clients accept a reset as a new person; `never`: they refuse every reset. */
  policy: v.picklist(['delay', 'never']),
  delayHours: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(14 * 24)),
  /** SHA-256 of the recovery key's SubjectPublicKeyInfo. */
  keyHash: v.optional(Hash),
  /** Places in `handles`, ascending. */
  handles: v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0))), v.maxLength(MAX_HANDLES)),
});
export type Recovery = v.InferOutput<typeof Recovery>;

/** The payload, as canonical JSON (RFC 8785). Unknown members are carried and signed; those named in `must` may not be unknown. */
export const Manifest = v.looseObject({
  v: v.literal(1),
  /** null in the genesis, whose hash becomes the account id. */
  account: v.nullable(AccountId),
  version: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 31 - 1)),
  /** SHA-256 of the previous version's payload bytes; null in the genesis. */
  previous: v.nullable(Hash),
  issuedAt: Millis,
  /** Ascending by id. */
  devices: v.pipe(v.array(ManifestDevice), v.maxLength(MAX_DEVICES)),
  /** HMAC-SHA256(salt, canonical handle), ascending. */
  handles: v.pipe(v.array(Hash), v.maxLength(MAX_HANDLES)),
  recovery: Recovery,
  minProtocol: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000)),
  must: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(64))), v.maxLength(16))),
});
export type Manifest = v.InferOutput<typeof Manifest>;

/** Protected header of a signature, itself canonical JSON; `kid` is the device id. */
export const ManifestHeader = v.strictObject({
  alg: v.literal('ES256'),
  jwk: v.optional(v.strictObject({ crv: v.literal('P-256'), kty: v.literal('EC'), x: encoded(32), y: encoded(32) })),
  kid: v.union([DeviceId, v.literal(RECOVERY_KID)]),
  typ: v.literal('callsign-manifest+jws'),
});
export type ManifestHeader = v.InferOutput<typeof ManifestHeader>;

/** JWS General serialization (RFC 7515 §7.2.1) without unprotected headers. */
export const SignedManifest = v.strictObject({
  payload: encodedUpTo(MAX_MANIFEST),
  signatures: v.pipe(
    v.array(v.strictObject({ protected: encodedUpTo(512), signature: Signature })),
    v.minLength(1),
    v.maxLength(MAX_DEVICES + 1),
  ),
});
export type SignedManifest = v.InferOutput<typeof SignedManifest>;

/** Why a manifest was refused; closed, the same at the server and at clients. */
export const MANIFEST_REASONS = [
  'malformed',
  'not-canonical',
  'must-understand',
  'account-mismatch',
  'version-skipped',
  'version-known',
  'fork',
  'previous-mismatch',
  'issued-before-previous',
  'issued-in-future',
  'issued-too-early',
  'added-at',
  'last-device',
  'device-reused',
  'key-reused',
  'key-changed',
  'unauthorized',
  'possession-missing',
  'signature-unexpected',
  'signature-invalid',
  'replacement-not-alone',
  'removal-not-alone',
  'signer-too-new',
  'removal-while-recovery-pending',
  'protocol-downgrade',
  'signer-revoked',
  'signer-expired',
  'recovery-key-unknown',
  'recovery-key-limits',
  'recovery-key-too-soon',
] as const;
export type ManifestReason = (typeof MANIFEST_REASONS)[number];
