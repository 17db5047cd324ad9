/** One mapper per room: its reasons to what a client may know. Exhaustive where the room's union is closed. */
import type { Reason } from '../attestation/verdict.ts';
import type { ManifestReason } from '../protocol/manifest.ts';
import type { ProblemSlug } from '../protocol/problem.ts';

export interface Refusal {
  readonly slug: ProblemSlug;
  readonly reason: string;
}

/** Classes of attestation refusals: an attacker learns the class, the operator has the check. */
const ATTESTATION: Readonly<Record<Reason, string>> = {
  malformed: 'malformed',
  'too-large': 'malformed',
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
  return {
    slug: reason === 'malformed' || reason === 'too-large' ? 'bad-request' : 'attestation-refused',
    reason: ATTESTATION[reason],
  };
}

const STALE: ReadonlySet<string> = new Set<ManifestReason>([
  'version-known',
  'version-skipped',
  'fork',
  'previous-mismatch',
]);
const FORM: ReadonlySet<string> = new Set<ManifestReason>(['malformed', 'not-canonical']);

/** Manifest refusals are told whole: clients apply the same rules. */
export function ofManifest(reason: string): Refusal {
  if (STALE.has(reason)) return { slug: 'conflict', reason };
  return { slug: FORM.has(reason) ? 'bad-request' : 'refused', reason };
}

const FORBIDDEN: ReadonlySet<string> = new Set([
  'device-revoked',
  'device-not-in-manifest',
  'another-key',
  'unknown-account',
  'unknown-device',
]);

/** What actors say of who asks and what they hold. */
export function ofActor(reason: string): Refusal {
  if (reason === 'unknown-call') return { slug: 'not-found', reason };
  return { slug: FORBIDDEN.has(reason) ? 'forbidden' : 'refused', reason };
}
