/** Problems (RFC 9457): the closed list of what a client can be told, each documented in docs/problems.md. */
import { MANIFEST_REASONS, type ManifestReason } from './manifest.ts';
import { REQUEST_REASONS, type RequestReason } from './request.ts';

export interface ProblemType {
  readonly status: number;
  readonly title: string;
}

/** By slug; `type` on the wire is `<origin>/problems/<slug>`, `reason` the machine-readable detail. */
export const PROBLEMS = {
  'bad-request': { status: 400, title: 'The request is not what this resource takes' },
  unauthenticated: { status: 401, title: 'The request does not prove who asks' },
  'use-dpop-nonce': { status: 401, title: 'The proof must carry the nonce of this answer' },
  forbidden: { status: 403, title: 'Who asks may not do this' },
  'attestation-refused': { status: 403, title: 'The evidence was refused' },
  'not-found': { status: 404, title: 'There is nothing here' },
  'method-not-allowed': { status: 405, title: 'This resource does not take this method' },
  conflict: { status: 409, title: 'The state does not allow this' },
  'in-progress': { status: 409, title: 'The same request is under way' },
  'too-large': { status: 413, title: 'The request is too large' },
  'unsupported-media-type': { status: 415, title: 'The content type is not one this resource takes' },
  refused: { status: 422, title: 'The request breaks a rule' },
  'idempotency-mismatch': { status: 422, title: 'The idempotency key was used with another request' },
  'upgrade-required': { status: 426, title: 'This resource is a WebSocket' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'The server failed' },
  unavailable: { status: 503, title: 'Not available now; what was asked may have happened' },
} as const satisfies Record<string, ProblemType>;

export type ProblemSlug = keyof typeof PROBLEMS;

/** A manifest that another head makes stale, one whose form is wrong; all others break a rule. */
export const STALE_MANIFEST = ['version-known', 'version-skipped', 'fork', 'previous-mismatch'] as const;
export const MALFORMED_MANIFEST = ['malformed', 'not-canonical'] as const;
type RuleOfManifest = Exclude<ManifestReason, (typeof STALE_MANIFEST | typeof MALFORMED_MANIFEST)[number]>;

/** The account's word on who asks. */
export const STANDING_REASONS = [
  'unknown-account',
  'unknown-device',
  'device-revoked',
  'device-not-in-manifest',
  'another-key',
] as const;

/** Why who asks is not the operator. */
export const OPERATOR_REASONS = ['operator-credentials', 'operator-key', 'access-token'] as const;

/** Why a certificate is not renewed, beside the account's word. */
export const RENEWAL_REASONS = [
  'challenge',
  'challenge-expired',
  'challenge-used',
  'challenge-of-another',
  'certificate-refused',
  'request-refused',
  'evidence-unknown',
  'evidence-condemned',
  'list-stale',
  'assertion-due',
  'reattestation-due',
  'fresh-refused',
  'fresh-key',
  'fresh-counter',
  'posture-worse',
] as const;

/** Why a link does not go on (docs/protocol/directory.md §6); to who does not know its secret there is none. */
export const LINK_REASONS = ['link-over', 'link-taken', 'link-phase'] as const;

/** Why handles are not taken over (docs/protocol/directory.md §7). */
export const RECOVERY_REASONS = [
  'recovery-never',
  'recovery-needs-key',
  'recovery-handles',
  'recovery-vetoed',
  'recovery-pending',
  'recovery-over',
  'recovery-refused',
] as const;

/** By slug, every `reason` that a server says. The token endpoint has RFC 6749's errors in their place: see TOKEN_REASONS. */
export const REASONS = {
  'bad-request': [
    ...MALFORMED_MANIFEST,
    'malformed-json',
    'malformed-body',
    'malformed-query',
    'not-utf8',
    'repeated-parameter',
    'manifest-missing',
    'not-in-batch',
    'idempotency-key-missing',
    'idempotency-key-malformed',
    'handle-malformed',
    'handle-kind-off',
    'subprotocol',
    'handshake',
  ],
  unauthenticated: [...REQUEST_REASONS.filter(isNoNonce), 'proof-replayed', 'hello-replayed', ...OPERATOR_REASONS],
  'use-dpop-nonce': ['proof-nonce'],
  forbidden: [...STANDING_REASONS, 'no-account', 'origin', 'registered-otherwise', 'push-token'],
  'attestation-refused': [
    'challenge',
    'challenge-expired',
    'challenge-used',
    'origin',
    'signature',
    'trust',
    'hardware',
    'key',
    'policy',
    'revoked',
    'try-later',
    'held',
    'device-state',
  ],
  'not-found': [
    'no-such-resource',
    'unknown-call',
    'unknown-account',
    'unknown-device',
    'unknown-link',
    'unknown-recovery',
    'no-such-evidence',
    'no-such-issuer',
    'no-such-run',
    'no-such-hold',
    'development-only',
    'nothing-sent',
    'handle-not-held',
    'no-subscription',
  ],
  'method-not-allowed': ['method'],
  conflict: [...STALE_MANIFEST, ...LINK_REASONS, 'handle-held', 'run-not-held'],
  'in-progress': ['in-progress'],
  'too-large': ['body-too-large'],
  'unsupported-media-type': ['content-type', 'content-encoding'],
  refused: [
    ...MANIFEST_REASONS.filter(isRule),
    'device-not-in-manifest',
    'key-in-use',
    'list-refused',
    'policy-malformed',
    'csr-malformed',
    'csr-key',
    'csr-algorithm',
    'csr-asks-for-name',
    'csr-asks-for-extensions',
    'csr-transcript',
    'csr-signature',
    'not-issuable',
    'voucher-not-in-force',
    'voucher-is-linked',
    'too-many-linked',
    ...RENEWAL_REASONS,
    'key-id-reused',
    'batch-expired',
    'too-many-batches',
    'code-refused',
    'token-refused',
    'test-handle',
    'refused-by-age',
    'manifest-version',
    ...RECOVERY_REASONS,
    'link-commitment',
    'too-many-links',
    'push-kind-off',
    'push-endpoint',
    'push-key',
    'push-topic',
    'wrong-role',
    'wrong-state',
    'stale-attempt',
    'other',
  ],
  'idempotency-mismatch': ['idempotency-key-reused'],
  'upgrade-required': ['websocket'],
  'too-many-requests': [
    'lookups-per-minute',
    'lookups-per-day',
    'codes-per-account',
    'codes-per-handle',
    'codes-per-day',
    'push-tests',
    'ice-servers',
    'challenges',
    'enrollments',
    'tokens',
    'sockets',
    'reads',
    'writes',
  ],
  internal: ['internal'],
  unavailable: [
    'unavailable',
    'outdated',
    'not-ready',
    'audit',
    'access-unavailable',
    'code-not-sent',
    'issuer-unreachable',
    'relay-unavailable',
  ],
} as const satisfies Record<ProblemSlug, readonly string[]>;
export type ReasonOf<Slug extends ProblemSlug> = (typeof REASONS)[Slug][number];

/** What the token endpoint says in `reason`, beside RFC 6749's and RFC 9449's `error`. */
export const TOKEN_REASONS = [
  ...REQUEST_REASONS,
  ...STANDING_REASONS,
  'proof-replayed',
  'no-account',
  'grant-type',
  'other',
] as const;
export type TokenReason = (typeof TOKEN_REASONS)[number];

function isRule(reason: ManifestReason): reason is RuleOfManifest {
  return ![...STALE_MANIFEST, ...MALFORMED_MANIFEST].some((other) => other === reason);
}

function isNoNonce(reason: RequestReason): reason is Exclude<RequestReason, 'proof-nonce'> {
  return reason !== 'proof-nonce';
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** Stable and machine-readable, e.g. `token-expired`; never echoes what was sent. */
  readonly reason: string;
  /** Request id. */
  readonly instance: string;
  readonly detail?: string;
  readonly [extension: string]: unknown;
}
