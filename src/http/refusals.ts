/** One mapper per room: its reasons to what a client may know. Exhaustive where the room's union is closed. */
import type { Reason } from '../attestation/verdict.ts';
import type { PublishedKeyReason } from '../directory/published-keys.ts';
import {
  LINK_REASONS,
  MALFORMED_MANIFEST,
  type ProblemSlug,
  REASONS,
  type ReasonOf,
  STALE_MANIFEST,
  STANDING_REASONS,
  type TokenReason,
} from '../protocol/problem.ts';

export type Refusal = {
  readonly [Slug in ProblemSlug]: { readonly slug: Slug; readonly reason: ReasonOf<Slug> };
}[ProblemSlug];

type Form = 'malformed' | 'too-large';

/** Classes of attestation refusals: an attacker learns the class, the operator has the check. */
const ATTESTATION: Readonly<Record<Exclude<Reason, Form>, ReasonOf<'attestation-refused'>>> = {
  'challenge-mismatch': 'challenge',
  'challenge-expired': 'challenge',
  'challenge-used': 'challenge',
  'origin-not-allowed': 'origin',
  'signature-invalid': 'signature',
  'signature-algorithm': 'signature',
  'chain-invalid': 'trust',
  'chain-expired': 'trust',
  'untrusted-root': 'trust',
  'test-root': 'trust',
  'software-key': 'hardware',
  'virtual-authenticator': 'hardware',
  'key-mismatch': 'key',
  'key-exportable': 'hardware',
  'self-attestation': 'hardware',
  'no-attestation': 'hardware',
  'format-refused': 'policy',
  'format-unknown': 'policy',
  'algorithm-unavailable': 'policy',
  'revoked-by-list': 'revoked',
  'suspended-by-list': 'revoked',
  'status-list-stale': 'try-later',
  'boot-state': 'device-state',
  'patch-level': 'device-state',
  application: 'policy',
  environment: 'policy',
  counter: 'signature',
  syncable: 'policy',
  'user-verification': 'policy',
  'aaguid-refused': 'policy',
  'vendor-refused': 'policy',
  assurance: 'policy',
  'weak-key': 'key',
  attributes: 'key',
  'evidence-cap': 'policy',
  'not-in-inventory': 'policy',
};

export function ofAttestation(reason: Reason): Refusal {
  return reason === 'malformed' || reason === 'too-large'
    ? { slug: 'bad-request', reason: 'malformed' }
    : { slug: 'attestation-refused', reason: ATTESTATION[reason] };
}

/** Says nothing that is not written down: what an actor of another version may answer is `other`. */
const OTHER = { slug: 'refused', reason: 'other' } as const;

function among<Known extends string>(known: readonly Known[], reason: string): reason is Known {
  return known.some((one) => one === reason);
}

/** Manifest refusals are told whole: clients apply the same rules. */
export function ofManifest(reason: string): Refusal {
  if (among(STALE_MANIFEST, reason)) return { slug: 'conflict', reason };
  if (among(MALFORMED_MANIFEST, reason)) return { slug: 'bad-request', reason };
  return among(REASONS.refused, reason) ? { slug: 'refused', reason } : OTHER;
}

/** A recovery, as its asker and the account's devices hear of it. */
export function ofRecovery(reason: string): Refusal {
  if (reason === 'unknown-recovery') return { slug: 'not-found', reason };
  if (among(STANDING_REASONS, reason)) return { slug: 'forbidden', reason };
  return among(REASONS.refused, reason) ? { slug: 'refused', reason } : OTHER;
}

/** A link of an account that is not there is a link that is not there. */
export function ofLink(reason: string): Refusal {
  if (reason === 'unknown-link' || reason === 'unknown-account') return { slug: 'not-found', reason: 'unknown-link' };
  if (among(LINK_REASONS, reason)) return { slug: 'conflict', reason };
  return among(REASONS.refused, reason) ? { slug: 'refused', reason } : OTHER;
}

/** What actors say of who asks and what they hold. */
export function ofActor(reason: string): Refusal {
  if (reason === 'unknown-call' || reason === 'handle-not-held' || reason === 'no-subscription')
    return { slug: 'not-found', reason };
  if (reason === 'push-token') return { slug: 'forbidden', reason };
  if (reason === 'hello-replayed') return { slug: 'unauthenticated', reason };
  if (reason === 'malformed') return { slug: 'bad-request', reason };
  if (among(STANDING_REASONS, reason)) return { slug: 'forbidden', reason };
  return among(REASONS.refused, reason) ? { slug: 'refused', reason } : OTHER;
}

/** What is wrong with keys that a device publishes. */
export function ofPublishedKeys(reason: PublishedKeyReason): Refusal {
  switch (reason) {
    case 'malformed':
    case 'not-in-batch':
      return { slug: 'bad-request', reason };
    case 'unknown-device':
      return { slug: 'forbidden', reason: 'device-not-in-manifest' };
    default:
      return { slug: 'refused', reason };
  }
}

/** The same for the token endpoint, whose errors are RFC 6749's. */
export function ofStanding(reason: string): TokenReason {
  return reason === 'proof-replayed' || among(STANDING_REASONS, reason) ? reason : 'other';
}
