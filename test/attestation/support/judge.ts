/** One native format judged by itself, as verifyEvidence does it: a refusal becomes a reason. */
import { Checklist, Refused } from '../../../src/attestation/checklist.ts';
import type { Expected, Finding, Format } from '../../../src/attestation/format.ts';
import type { Policy } from '../../../src/attestation/policy/policy.ts';
import type { TrustStore } from '../../../src/attestation/trust/store.ts';
import type { Reason } from '../../../src/attestation/verdict.ts';

export interface Judged {
  readonly reason: Reason | 'accept';
  /** Id of the check that refused. */
  readonly check: string | null;
  readonly finding: Finding | null;
  readonly steps: Checklist;
}

export interface Case {
  readonly fields: Parameters<Format<unknown>['read']>[0];
  readonly expected: Partial<Expected> & Pick<Expected, 'transcript' | 'now'>;
  readonly trust: TrustStore;
  readonly policy: Policy;
}

export async function judgeFormat<E>(format: Format<E>, { fields, expected, trust, policy }: Case): Promise<Judged> {
  const steps = new Checklist(policy.monitor);
  const whole: Expected = { identityKey: new Uint8Array(), rpId: 'example.org', origins: [], ...expected };
  const read = format.read(fields);
  if (read === null) return { reason: 'malformed', check: `${format.id}.syntax`, finding: null, steps };
  try {
    const finding = await format.verify(read, whole, trust, policy, steps);
    return { reason: 'accept', check: null, finding, steps };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const failed = steps.checks.find((check) => check.outcome === 'fail');
    return { reason: error.reason, check: failed?.id ?? null, finding: null, steps };
  }
}
