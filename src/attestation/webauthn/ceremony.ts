/** The steps that registration (WebAuthn L3 §7.1) and assertion (§7.2) have in common; each caller brings its own step numbers. */
import { sha256 } from '@noble/hashes/sha2.js';
import { base64url } from '../../bytes/base64url.ts';
import { equal } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { Checklist } from '../checklist.ts';
import type { Policy } from '../policy/policy.ts';
import type { AuthenticatorHeader } from './authenticator-data.ts';
import { readClientData } from './client-data.ts';

/** What the server expects a page and an authenticator to have said. */
export interface CeremonyExpected {
  readonly type: 'webauthn.create' | 'webauthn.get';
  readonly challenge: Uint8Array;
  readonly rpId: string;
  readonly origins: readonly string[];
  /** First of the five client-data steps and first of the authenticator-data steps, e.g. `§7.1` from 7 and 14. */
  readonly section: '§7.1' | '§7.2';
  readonly clientDataStep: number;
  readonly authenticatorStep: number;
}

export function judgeClientData(json: Uint8Array, expected: CeremonyExpected, policy: Policy, steps: Checklist): void {
  const step = (offset: number) => `WebAuthn L3 ${expected.section} step ${expected.clientDataStep + offset}`;
  const data = steps.present(
    readClientData(json),
    'webauthn.client-data',
    step(-1),
    'malformed',
    'clientDataJSON is one JSON object',
  );
  steps.demand(data.type === expected.type, 'webauthn.type', step(0), 'malformed', `type is ${expected.type}`);
  steps.demand(
    data.challenge === base64url(expected.challenge),
    'webauthn.challenge',
    step(1),
    'challenge-mismatch',
    'challenge is the expected transcript',
  );
  steps.demand(
    expected.origins.includes(data.origin),
    'webauthn.origin',
    step(2),
    'origin-not-allowed',
    `origin ${JSON.stringify(data.origin)}`,
  );
  steps.demand(
    !data.crossOrigin || policy.webauthn.crossOrigin,
    'webauthn.cross-origin',
    step(3),
    'origin-not-allowed',
    `crossOrigin is ${data.crossOrigin}`,
  );
  steps.demand(
    data.topOrigin === null || policy.webauthn.crossOrigin,
    'webauthn.top-origin',
    step(4),
    'origin-not-allowed',
    `topOrigin ${JSON.stringify(data.topOrigin)}`,
  );
}

export function judgeHeader(
  header: AuthenticatorHeader,
  expected: CeremonyExpected,
  policy: Policy,
  steps: Checklist,
): void {
  const step = (offset: number) => `WebAuthn L3 ${expected.section} step ${expected.authenticatorStep + offset}`;
  const { flags } = header;
  steps.demand(
    equal(header.rpIdHash, sha256(utf8(expected.rpId))),
    'webauthn.rp-id',
    step(0),
    'origin-not-allowed',
    `rpIdHash is the hash of ${expected.rpId}`,
  );
  steps.demand(flags.userPresent, 'webauthn.user-present', step(1), 'attributes', 'UP is set');
  if (policy.webauthn.userVerification) {
    steps.rule(flags.userVerified, 'webauthn.user-verified', step(2), 'user-verification', 'UV is set');
  } else {
    steps.skip('webauthn.user-verified', step(2), 'policy does not ask for user verification');
  }
  steps.demand(
    flags.backupEligible || !flags.backedUp,
    'webauthn.backup-flags',
    step(3),
    'attributes',
    'BS is set only where BE is',
  );
}
