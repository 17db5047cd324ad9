import { builtInTrust } from '../../src/attestation/trust/load.ts';
import type { Verdict } from '../../src/attestation/verdict.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { verifyAssertion } from '../../src/attestation/webauthn/assertion.ts';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import type { Answer } from './judge.ts';
import { evidenceOf } from './evidence.ts';
import { familyPolicy } from './policy.ts';
import { bytes, text, type Vector, type VectorFile } from './vector.ts';

/** Whatever verifyEvidence judges, at the vector's own time, and its assertion where it has one. */
export async function evidence(vector: Vector, file: VectorFile): Promise<Answer> {
  const asked = evidenceOf(vector);
  if (asked === null) throw new Error(`vector ${vector.id} is no evidence`);
  const policy = familyPolicy(file);
  const verdict = await verifyEvidence(asked.evidence, asked.expected, builtInTrust(), policy);
  if (verdict.decision !== 'accept') return { decision: 'refuse', reason: verdict.reason ?? '' };
  const assertion = await judgeAssertion(vector, verdict, policy);
  if (assertion !== null) return { decision: 'refuse', reason: `assertion ${assertion}` };
  return { decision: 'accept', reason: '', anchor: verdict.assurance.trustAnchor ?? null };
}

/** The reason of a refused assertion; null when it verified or there is none. */
async function judgeAssertion({ input }: Vector, verdict: Verdict, policy: Policy): Promise<string | null> {
  const given = input['assertion'] as { readonly [name: string]: unknown } | undefined;
  if (given === undefined) return null;
  const { facts } = verdict;
  const credentialId = bytes(facts['credentialId']);
  const result = await verifyAssertion(
    {
      credentialId: bytes(input['credentialId']),
      clientDataJson: bytes(given['clientDataJSON']),
      authenticatorData: bytes(given['authenticatorData']),
      signature: bytes(given['signature']),
    },
    {
      credentialId,
      attestedKey: bytes(verdict.attestedKey),
      algorithm: Number(facts['credentialAlgorithm']),
      signCount: Number(facts['signCount']),
      backupEligible: facts['backupEligible'] === true,
    },
    {
      challenge: bytes(given['challenge']),
      rpId: text(input['rpId']),
      origins: [text(given['origin'] ?? input['origin'])],
    },
    policy,
  );
  return result.ok ? null : result.reason;
}
