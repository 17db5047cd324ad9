/** Assertions of a registered credential (WebAuthn L3 §7.2): fresh proof of the same key, as renewals ask for it. */
import { sha256 } from '@noble/hashes/sha2.js';
import { equal, concat } from '../../bytes/join.ts';
import { Checklist, Refused } from '../checklist.ts';
import { readSpki } from '../path/public-key.ts';
import type { Policy } from '../policy/policy.ts';
import type { Check, Reason } from '../verdict.ts';
import { readAuthenticatorData } from './authenticator-data.ts';
import { judgeClientData, judgeHeader } from './ceremony.ts';
import { judgeSignature } from './signed.ts';

/** What an authenticator answered; bytes decoded. */
export interface Assertion {
  readonly credentialId: Uint8Array;
  readonly clientDataJson: Uint8Array<ArrayBuffer>;
  readonly authenticatorData: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array;
}

/** The credential as its registration left it (verdict facts `credentialId`, `credentialAlgorithm`, `signCount`, `backupEligible`). */
export interface Credential {
  readonly credentialId: Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly attestedKey: Uint8Array;
  /** COSE algorithm. */
  readonly algorithm: number;
  readonly signCount: number;
  readonly backupEligible: boolean;
}

export interface AssertionExpected {
  readonly challenge: Uint8Array;
  readonly rpId: string;
  readonly origins: readonly string[];
}

export type AssertionResult =
  /** The caller stores `signCount` with the credential, in the same transaction that uses the assertion. */
  | { readonly ok: true; readonly signCount: number; readonly checks: readonly Check[] }
  | { readonly ok: false; readonly reason: Reason; readonly checks: readonly Check[] };

export async function verifyAssertion(
  assertion: Assertion,
  credential: Credential,
  expected: AssertionExpected,
  policy: Policy,
): Promise<AssertionResult> {
  const steps: Checklist = new Checklist(policy.monitor);
  try {
    const signCount = await judge(assertion, credential, expected, policy, steps);
    return { ok: true, signCount, checks: steps.checks };
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    return { ok: false, reason: refused.reason, checks: steps.checks };
  }
}

async function judge(
  assertion: Assertion,
  credential: Credential,
  expected: AssertionExpected,
  policy: Policy,
  steps: Checklist,
): Promise<number> {
  const spec = (step: number) => `WebAuthn L3 §7.2 step ${step}`;
  const ceremony = {
    ...expected,
    type: 'webauthn.get',
    section: '§7.2',
    clientDataStep: 10,
    authenticatorStep: 15,
  } as const;

  // Steps 5 and 6.
  steps.demand(
    equal(assertion.credentialId, credential.credentialId),
    'assertion.credential',
    spec(6),
    'key-mismatch',
    'the assertion is of the registered credential',
  );

  // Steps 8 to 18.
  judgeClientData(assertion.clientDataJson, ceremony, policy, steps);
  const data = steps.present(
    readAuthenticatorData(assertion.authenticatorData),
    'webauthn.authenticator-data',
    spec(7),
    'malformed',
    'authenticator data is what its flags announce',
  );
  judgeHeader(data, ceremony, policy, steps);

  // Step 19: a credential does not change its backup eligibility.
  steps.demand(
    data.flags.backupEligible === credential.backupEligible,
    'assertion.backup-eligible',
    spec(19),
    'syncable',
    'BE is what it was at registration',
  );

  // Steps 20 and 21.
  const key = steps.present(
    readSpki(credential.attestedKey),
    'assertion.key',
    spec(6),
    'malformed',
    'the stored key reads',
  );
  const signed = concat(assertion.authenticatorData, sha256(assertion.clientDataJson));
  const { algorithm } = credential;
  const { signature } = assertion;
  await judgeSignature({ algorithm, key, data: signed, signature }, 'assertion.signature', spec(21), steps);

  // Step 22: a counter that does not grow is a copied key until somebody shows otherwise.
  steps.demand(
    data.signCount > credential.signCount || (data.signCount === 0 && credential.signCount === 0),
    'assertion.counter',
    spec(22),
    'counter',
    `counter ${data.signCount} after ${credential.signCount}`,
  );
  return data.signCount;
}
