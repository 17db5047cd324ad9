import { verifyAssertion } from '../../src/attestation/apple/assertion.ts';
import { verifyReceipt } from '../../src/attestation/apple/receipt.ts';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { builtInTrust } from '../../src/attestation/trust/load.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { evidenceOf } from './evidence.ts';
import type { Answer } from './judge.ts';
import { familyPolicy } from './policy.ts';
import { bytes, text, type Vector, type VectorFile } from './vector.ts';

interface Signed {
  readonly assertion: string;
  readonly clientData: string;
  readonly previousCounter: number;
}

/** An attestation at the vector's own time, then every assertion and later receipt that goes with it. */
export async function appAttest(vector: Vector, file: VectorFile): Promise<Answer> {
  const { input } = vector;
  const appId = `${text(input['teamId'])}.${text(input['bundleId'])}`;
  const policy = policyOf(file, appId, text(input['environment']));
  const asked = evidenceOf(vector);
  if (asked === null) throw new Error(`vector ${vector.id} is no evidence`);
  const verdict = await verifyEvidence(asked.evidence, asked.expected, builtInTrust(), policy);
  if (verdict.decision !== 'accept') return { decision: 'refuse', reason: verdict.reason ?? '' };
  const further = (await assertions(input, bytes(verdict.attestedKey), appId)) ?? (await receipts(input));
  if (further !== null) return { decision: 'refuse', reason: further };
  return { decision: 'accept', reason: '', anchor: verdict.assurance.trustAnchor ?? null };
}

export function policyOf(file: VectorFile, appId: string, environment: string): Policy {
  const environments = environment === 'production' ? (['production'] as const) : (['development'] as const);
  return { ...familyPolicy(file), apple: { applications: [appId], environments: [...environments] } };
}

async function assertions(input: Vector['input'], attestedKey: Uint8Array, appId: string): Promise<string | null> {
  for (const one of (input['assertions'] as readonly Signed[] | undefined) ?? []) {
    const question = {
      clientData: bytes(one.clientData),
      attestedKey,
      applications: [appId],
      previousCounter: one.previousCounter,
    };
    const result = await verifyAssertion(bytes(one.assertion), question);
    if (!result.ok) return `assertion ${result.reason}`;
  }
  return null;
}

async function receipts(input: Vector['input']): Promise<string | null> {
  const given = input['furtherReceipts'] as readonly { receipt: string; verifyAt: string }[] | undefined;
  for (const { receipt, verifyAt } of given ?? []) {
    const question = { trust: builtInTrust(), now: Date.parse(verifyAt), maxAgeMs: 300_000 };
    const result = await verifyReceipt(bytes(receipt), question);
    if (!result.ok) return `receipt ${result.reason}`;
  }
  return null;
}
