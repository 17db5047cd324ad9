import type { Policy } from '../src/attestation/policy/policy.ts';
import { builtInTrust } from '../src/attestation/trust/load.ts';
import type { Verdict } from '../src/attestation/verdict.ts';
import { verifyEvidence } from '../src/attestation/verify.ts';
import { fromBase64url } from '../src/bytes/base64url.ts';

/** Evidence, expectation and policy as JSON, so that workerd can be asked the same. */
export interface Question {
  readonly evidence: { readonly format: string; readonly [field: string]: unknown };
  readonly expected: {
    readonly transcript: string;
    readonly identityKey: string;
    readonly now: number;
    readonly rpId: string;
    readonly origins: readonly string[];
  };
  readonly policy: Policy;
}

const trust = builtInTrust();

export function judgeWith({ evidence, expected, policy }: Question): () => Promise<Verdict> {
  const bytes = (text: string) => fromBase64url(text) ?? new Uint8Array();
  const asked = { ...expected, transcript: bytes(expected.transcript), identityKey: bytes(expected.identityKey) };
  return () => verifyEvidence(evidence, asked, trust, policy);
}
