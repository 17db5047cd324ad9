/** Problems (RFC 9457): the closed list of what a client can be told, each documented in docs/problems.md. */

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
