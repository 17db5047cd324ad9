/** The HTTP face: what each resource takes and gives. Unknown members are ignored; sizes are bounded before this reads. */
import * as v from 'valibot';
import { KeyBundle, OneTimeBatch, OneTimeKey } from './bundle.ts';
import { CallId, Word } from './call.ts';
import { AccountId, CertificateChain, DeviceId, encoded, encodedUpTo, Hash, Millis } from './identity.ts';
import { SignedManifest } from './manifest.ts';
import { RecoveryView } from './recovery.ts';

/** Request bodies, bytes, before parsing. Evidence has its own bound. */
export const BODY_MAX_BYTES = 262_144;
export const EVIDENCE_MAX_BYTES = 65_536;
export const HANDLES_PER_LOOKUP = 10;
/** Life of an access token, s. */
export const ACCESS_TOKEN_S = 600;
/** Life of an enrollment challenge, ms. */
export const CHALLENGE_MS = 300_000;
/** Life of a single-use ticket for the call-plane socket, ms. */
export const TICKET_MS = 30_000;

const Token = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.-]{1,2048}$/));

/** POST /v1/enrollments/challenges */
export const ChallengeRequest = v.object({
  /** The evidence format that will answer it. */
  format: Word,
  /** Joining: the account whose manifest names, or will name, this device. Absent: a first device. */
  account: v.optional(AccountId),
});
/** WebAuthn L3 §5.4, PublicKeyCredentialCreationOptionsJSON without its challenge, which is the transcript. */
export const WebauthnOptions = v.looseObject({
  rp: v.object({ id: v.string(), name: v.string() }),
  user: v.object({ id: encoded(16), name: v.string(), displayName: v.string() }),
  pubKeyCredParams: v.array(v.object({ type: v.literal('public-key'), alg: v.number() })),
  timeout: v.number(),
  attestation: v.literal('direct'),
  authenticatorSelection: v.looseObject({ userVerification: v.picklist(['required', 'preferred']) }),
});
export type WebauthnOptions = v.InferOutput<typeof WebauthnOptions>;

export const Challenge = v.object({
  /** Stateless; goes back with the evidence. The transcript's nonce is its SHA-256. */
  token: Token,
  /** Chosen by the server; the device keeps it for ever. */
  device: DeviceId,
  /** First field of the transcript. */
  origin: v.string(),
  expiresAt: Millis,
  serverNow: Millis,
  /** For `webauthn`: what this deployment's policy takes. */
  options: v.optional(WebauthnOptions),
});
export type Challenge = v.InferOutput<typeof Challenge>;

/** POST /v1/enrollments/activations: step one of `tpm2` (docs/tpm.md). */
export const ActivationRequest = v.object({
  token: Token,
  /** The endorsement key's certificate, DER, then its intermediates. */
  endorsementCertificates: v.pipe(v.array(encodedUpTo(4_096)), v.minLength(1), v.maxLength(8)),
  /** TPMT_PUBLIC. */
  endorsementKey: encodedUpTo(1_024),
  attestationKey: encodedUpTo(1_024),
});
export const Activation = v.object({
  /** TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET for TPM2_ActivateCredential. */
  credentialBlob: encodedUpTo(512),
  encryptedSecret: encodedUpTo(1_024),
  /** Stateless; goes back in the evidence with the released secret. */
  activation: Token,
});

/** POST /v1/enrollments */
export const EnrollmentRequest = v.object({
  token: Token,
  format: Word,
  /** Fields of the format (docs/protocol/enrollment.md §4); binary ones base64url. */
  evidence: v.record(v.string(), v.unknown()),
  /** PKCS#10, DER; contributes its key and carries the transcript. */
  csr: encodedUpTo(4_096),
  /** The genesis manifest, or the version that adds this device. Absent only for profile `device`. */
  manifest: v.optional(SignedManifest),
  profile: v.optional(v.picklist(['call', 'device']), 'call'),
});
export type EnrollmentRequest = v.InferOutput<typeof EnrollmentRequest>;

/** What a client may know of the verdict; the checks are the operator's. */
export const VerdictSummary = v.object({
  format: v.string(),
  decision: v.picklist(['accept', 'refuse', 'hold']),
  identityBinding: v.picklist(['key-attested', 'vouched']),
  attestedKeyHardware: v.string(),
  identityKeyHardware: v.string(),
  trustAnchor: v.optional(v.string()),
  policy: v.string(),
});
export const Enrollment = v.object({
  /** Null for profile `device`. */
  account: v.nullable(AccountId),
  device: DeviceId,
  certificate: CertificateChain,
  notAfter: Millis,
  verdict: VerdictSummary,
  /** 32 bytes, given once: the courier's push token. Null for profile `device`. */
  pushToken: v.nullable(encoded(32)),
});
export type Enrollment = v.InferOutput<typeof Enrollment>;

/** POST /v1/renewals/challenges */
/** `account` is absent for profile `device`. */
export const RenewalChallengeRequest = v.object({ account: v.optional(AccountId), device: DeviceId });
export const RenewalChallenge = v.object({
  /** Stateless, for this device, once. The transcript's nonce is its SHA-256. */
  token: Token,
  expiresAt: Millis,
  serverNow: Millis,
});

/** POST /v1/renewals: the same key under a new certificate. */
export const RenewalRequest = v.object({
  token: Token,
  /** The certificate that is renewed, in force or dormant, and its issuer. */
  certificate: CertificateChain,
  /** PKCS#10, DER: signed by the identity key over the renewal transcript. */
  csr: encodedUpTo(4_096),
  /** What the device's hardware shows over the same transcript, by its kind of evidence (identity.md §6). */
  fresh: v.optional(v.record(v.pipe(v.string(), v.maxLength(64)), v.unknown())),
  /** Nobody can show anything now, and a call rings: a certificate for one day, once. */
  overdue: v.optional(v.boolean()),
});
export type RenewalRequest = v.InferOutput<typeof RenewalRequest>;
export const Renewal = v.object({
  /** Null for profile `device`. */
  account: v.nullable(AccountId),
  device: DeviceId,
  certificate: CertificateChain,
  notAfter: Millis,
  /** Until then the identity key alone renews. */
  freshBy: Millis,
  /** The certificate is the one of a single day that is granted past that. */
  overdue: v.boolean(),
});

/** POST /v1/token (RFC 6749 §4.4, RFC 7523 §2.2): application/x-www-form-urlencoded. */
export const TokenReply = v.object({ access_token: v.string(), token_type: v.literal('DPoP'), expires_in: v.number() });

/** POST /v1/manifests */
export const ManifestRequest = v.object({ manifest: SignedManifest });
export const ManifestReply = v.object({ account: AccountId, version: v.number(), hash: Hash });

/** GET /v1/accounts/{account}/manifests?after=: signed versions after that one, oldest first; none for an unknown account. */
export const ManifestsReply = v.object({ manifests: v.array(SignedManifest) });

/** PUT /v1/keys/bundle takes a KeyBundle, POST /v1/keys/one-time a OneTimeKeys; both answer with the status. */
export const KeyStatus = v.object({
  /** SHA-256 of the canonical JSON of the published bundle; null when there is none. */
  bundle: v.nullable(Hash),
  batches: v.array(v.object({ batchId: encoded(16), left: v.number() })),
  /** One-time keys left over all batches. */
  left: v.number(),
  /** Names everything that is published: bundle and all batches that have not expired (docs/protocol/directory.md §3). */
  digest: Hash,
  /** The lowest id that a one-time key may still have. */
  nextKeyId: v.number(),
});
export type KeyStatus = v.InferOutput<typeof KeyStatus>;

/** Short name of an identity provider that the deployment believes. */
const Issuer = v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,32}$/));

/** POST /v1/handles: a code to a handle, or a nonce for a token of an identity provider, whose subject becomes the handle. */
export const HandleRequest = v.object({ handle: v.pipe(v.string(), v.minLength(3), v.maxLength(320)) });
export const HandleStart = v.union([HandleRequest, v.object({ issuer: Issuer })]);
export const HandlePending = v.object({
  id: encoded(16),
  expiresAt: Millis,
  /** What the token must carry. */
  nonce: v.optional(v.string()),
});

/** POST /v1/handles/{id}/verification */
export const CodeRequest = v.object({ ...HandleRequest.entries, code: v.pipe(v.string(), v.regex(/^[0-9]{6}$/)) });
export const HandleProof = v.union([
  CodeRequest,
  v.object({ issuer: Issuer, token: v.pipe(v.string(), v.minLength(1), v.maxLength(8_192)) }),
]);
export const OwnHandle = v.object({
  handle: v.string(),
  /** HMAC-SHA256(salt, canonical handle): what the account's next manifest must list. */
  commitment: Hash,
  salt: encoded(32),
  verifiedAt: Millis,
  /** Found by nobody but contacts, who has talked with the account, and who shows a capability of it. */
  hidden: v.boolean(),
});
/** POST /v1/handles/visibility: whether lookups of strangers find it. */
export const HandleVisibility = v.object({ ...HandleRequest.entries, hidden: v.boolean() });
/** POST /v1/handles/releases: given up, or given to another account. */
export const HandleRelease = v.object({ ...HandleRequest.entries, to: v.optional(AccountId) });
export type OwnHandle = v.InferOutput<typeof OwnHandle>;

/** What a caller holds of an account: the head it has verified, and a capability that finds a hidden handle again. */
export const KnownHead = v.object({
  version: v.number(),
  hash: Hash,
  capability: v.optional(v.object({ device: DeviceId, token: v.pipe(v.string(), v.maxLength(128)) })),
});
export type KnownHead = v.InferOutput<typeof KnownHead>;

/** GET /v1/handles */
export const HandlesReply = v.object({ handles: v.array(OwnHandle) });

/** POST /v1/lookups */
export const LookupRequest = v.object({
  handles: v.pipe(v.array(v.pipe(v.string(), v.maxLength(320))), v.minLength(1), v.maxLength(HANDLES_PER_LOOKUP)),
  /** Take a one-time key of each device; repeated with the same Idempotency-Key it takes no second one. */
  claim: v.optional(v.boolean(), false),
  /** Verified heads by account: manifests are returned from there. */
  known: v.optional(v.record(v.string(), KnownHead), {}),
});
export type LookupRequest = v.InferOutput<typeof LookupRequest>;

export const LookupDevice = v.object({
  device: DeviceId,
  certificate: CertificateChain,
  bundle: KeyBundle,
  /** Absent: none claimed, or none left and the last-resort key must do. */
  oneTime: v.optional(OneTimeKey),
  /** Claimed, and none was given: an invitation to it is as secret as the last-resort key alone makes it. */
  lastResort: v.optional(v.literal(true)),
  capability: v.string(),
  /** Its certificate has ended; it may be rung and must renew before it is granted. */
  dormant: v.optional(v.boolean()),
});
export type LookupDevice = v.InferOutput<typeof LookupDevice>;

export const LookupResult = v.variant('found', [
  v.object({ handle: v.string(), found: v.literal(false) }),
  v.object({
    handle: v.string(),
    found: v.literal(true),
    account: AccountId,
    /** JWS of the directory key, typ callsign-handle+jwt. */
    assertion: v.string(),
    /** From the known version, else from genesis, to the head; oldest first. */
    manifests: v.array(SignedManifest),
    /** Recoveries of this account's handles that wait or were vetoed, and those by which it took others' over. */
    recoveries: v.optional(v.array(RecoveryView), []),
    /** Number of the callable set. */
    set: v.number(),
    devices: v.array(LookupDevice),
    /** Capabilities hold until then. */
    expiresAt: Millis,
    refreshAt: Millis,
  }),
]);
export type LookupResult = v.InferOutput<typeof LookupResult>;
export const LookupReply = v.object({ results: v.array(LookupResult), serverNow: Millis });
export type LookupReply = v.InferOutput<typeof LookupReply>;

/** GET /v1/courier/nonce */
export const NonceReply = v.object({ nonce: v.string(), serverNow: Millis });

/** POST /v1/calls/{call}/tickets: opens GET /v1/calls/{call}/socket once, in Sec-WebSocket-Protocol. */
export const Ticket = v.object({ ticket: Token, expiresAt: Millis });

/** GET /v1/calls/active */
export const ActiveCalls = v.object({ calls: v.array(v.looseObject({ call: CallId })), serverNow: Millis });

/** GET /v1/history?before=&limit= */
export const HistoryReply = v.object({ rows: v.array(v.looseObject({ call: CallId })) });
/** DELETE /v1/history */
export const HistoryDeletion = v.object({ calls: v.pipe(v.array(CallId), v.minLength(1), v.maxLength(100)) });
export const HistoryDeleted = v.object({ deleted: v.array(CallId) });

/** GET, PUT /v1/policy: what the account lets ring. */
export const PolicyDocument = v.object({
  blocked: v.pipe(v.array(AccountId), v.maxLength(1_000)),
  quietUntil: v.nullable(Millis),
  contactsOnly: v.boolean(),
  contacts: v.pipe(v.array(AccountId), v.maxLength(5_000)),
});

/** POST /v1/account/closure: the caller's own account, named so that nobody closes one by mistake. */
export const AccountClosure = v.object({ account: AccountId });
/** `erased`: nothing is left; else the rest goes within minutes. */
export const AccountClosed = v.object({ account: AccountId, erased: v.boolean() });
/** GET /v1/account/export: by table, for a person to read. */
export const AccountExport = v.looseObject({
  about: v.object({ account: AccountId, deployment: v.string(), at: v.string() }),
  account: v.record(v.string(), v.array(v.unknown())),
  devices: v.record(v.string(), v.record(v.string(), v.array(v.unknown()))),
  directory: v.record(v.string(), v.array(v.unknown())),
  notExported: v.record(v.string(), v.string()),
});

/** GET /v1/deployment: what a client's configuration is compared with; nothing here is trusted because it came from here. */
export const Deployment = v.object({
  deployment: v.string(),
  origin: v.string(),
  environment: v.picklist(['development', 'production']),
  protocol: v.object({ min: v.number(), max: v.number() }),
  /** DER of the root and its SHA-256; clients pin their own copy. */
  root: encodedUpTo(2_048),
  policy: v.string(),
  /** Formats of statements that the policy takes now. */
  formats: v.array(v.string()),
  /** The ways in that are open (docs/who-can-enroll.md): `evidence` is what a challenge is asked for. */
  roads: v.array(v.object({ platform: v.string(), evidence: v.string(), format: v.string() })),
});

export const OneTimeUpload = v.object({ batch: OneTimeBatch, keys: v.array(encoded(65)) });

/** DELETE /v1/devices/{device}?reason=: one's own account's; the device cannot come back under this key. */
export const RevocationCause = v.picklist(['lost', 'stolen', 'replaced', 'other']);
export const RevocationReply = v.object({
  device: DeviceId,
  status: v.picklist(['revoked', 'removed']),
  statusAt: Millis,
});

export type RevocationReply = v.InferOutput<typeof RevocationReply>;

/** POST /v1/admin/lists: a list as its publisher gave it out at `fetchedAt`, base64url of its bytes. */
export const ListImport = v.object({
  name: v.picklist(['mds', 'android-status']),
  fetchedAt: Millis,
  list: v.pipe(v.string(), v.minLength(1), v.regex(/^[A-Za-z0-9_-]+$/)),
});

const Hardware = v.object({
  /** As verdicts name them: `ek` and `spki` are SHA-256 of a SubjectPublicKeyInfo, hex; `serial` hex without leading zeros; `credential` base64url. */
  kind: v.picklist(['ek', 'serial', 'spki', 'credential']),
  value: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,1400}$/)),
});
const Several = v.optional(v.pipe(v.array(Hardware), v.maxLength(1_000)), []);
/** POST /v1/admin/inventory: kept as keyed hashes only. */
export const InventoryChange = v.object({ add: Several, remove: Several });

/** POST /v1/admin/holds. `reason` goes into the audit: no names. */
export const HoldDecision = v.object({
  hold: Hash,
  decision: v.picklist(['approve', 'deny']),
  reason: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(150)),
});

/** POST /v1/admin/policy-trials: a policy document, whole or as changes of one that ships. `after` is `next` of the part before. */
export const PolicyTrial = v.object({
  policy: v.record(v.string(), v.unknown()),
  after: v.optional(v.pipe(v.string(), v.regex(/^[0-9]{1,15}\/[A-Za-z0-9_-]{1,64}$/))),
});
export const PolicyTrialReply = v.object({
  policy: v.string(),
  against: v.string(),
  judged: v.number(),
  turned: v.array(
    v.object({
      evidence: Hash,
      account: AccountId,
      device: DeviceId,
      /** Why the tried policy refuses. */
      reason: v.string(),
      /** Whether a run of it would revoke the device. */
      revoked: v.boolean(),
    }),
  ),
  next: v.nullable(v.string()),
});

/** POST /v1/admin/runs. `devices` are those that stay, for `narrow`. `reason` goes into the audit: no names. */
export const RunDecision = v.object({
  run: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
  decision: v.picklist(['show', 'release', 'narrow', 'discard']),
  devices: v.optional(v.pipe(v.array(DeviceId), v.maxLength(1_000)), []),
  reason: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(150)),
});

/** POST /v1/admin/revocations. `reason` goes into the audit and the feed: no names. */
export const OperatorRevocation = v.object({
  /** Absent for a device without account (profile `device`). */
  account: v.optional(AccountId),
  device: DeviceId,
  reason: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200)),
});

/** GET /v1/admin/calls/{call}. Ids, states and times (ms); a call holds no handle and no content. */
export const CallExplanation = v.object({
  call: CallId,
  /** waiting, refused, silenced, merged, replaced, taken-back, not-reached, not-alerted or rang. */
  why: v.string(),
  milestones: v.array(v.object({ type: v.string(), at: Millis, reason: v.nullable(v.string()) })),
  /** What came of the pushes to its devices, as long as the call knows them: push.sent, push.failed or push.misconfigured. */
  pushes: v.array(v.object({ device: v.string(), type: v.string(), at: Millis, reason: v.nullable(v.string()) })),
  /** What the call itself still knows; null once it erased itself, 24 h after its end. */
  live: v.nullable(
    v.looseObject({
      state: v.string(),
      legs: v.array(v.object({ account: v.string(), device: v.string(), state: v.string(), reached: v.boolean() })),
    }),
  ),
});

/** Where tokens come from, for OAuth libraries (RFC 8414 §2, RFC 9449 §5.1). */
export const AuthorizationServer = v.object({
  issuer: v.string(),
  token_endpoint: v.string(),
  jwks_uri: v.string(),
  response_types_supported: v.array(v.string()),
  grant_types_supported: v.array(v.string()),
  token_endpoint_auth_methods_supported: v.array(v.string()),
  token_endpoint_auth_signing_alg_values_supported: v.array(v.string()),
  dpop_signing_alg_values_supported: v.array(v.string()),
});
export type AuthorizationServer = v.InferOutput<typeof AuthorizationServer>;
