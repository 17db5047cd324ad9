/** What we make of a vector, beside what its collection expects. */
import { families } from './families.ts';
import type { Vector, VectorFile } from './vector.ts';

/** What a judge of one family says; `reason` is ours, for a refusal. */
export interface Answer {
  readonly decision: 'accept' | 'refuse';
  readonly reason: string;
  /** Id of the anchor that the path ended at, where the family has paths. */
  readonly anchor?: string | null;
}

export interface Judged {
  readonly id: string;
  readonly right: boolean;
  readonly expected: string;
  readonly got: string;
  /** Where the path ended, when one was accepted. */
  readonly anchor: string | null;
}

/** The collection's reasons in our words. */
const REASONS: Readonly<Record<string, readonly string[]>> = {
  malformed: ['malformed'],
  /** A certificate's signature is a rule of its chain. */
  'signature-invalid': ['signature-invalid', 'chain-invalid'],
  'signature-algorithm-mismatch': ['signature-algorithm'],
  expired: ['chain-expired'],
  'unknown-root': ['untrusted-root'],
  'test-root': ['test-root'],
  'software-root': ['software-key'],
  'software-tpm-unknown-root': ['untrusted-root'],
  'virtual-authenticator': ['virtual-authenticator'],
  'forged-aaguid': ['aaguid-refused'],
  'self-attestation': ['self-attestation'],
  'no-attestation': ['no-attestation'],
  'wrong-environment': ['environment'],
  revoked: ['revoked-by-list'],
  suspended: ['suspended-by-list'],
  'boot-state-unverified': ['boot-state'],
  'bootloader-unlocked': ['boot-state'],
  'weak-key': ['weak-key'],
  'anchor-not-bound-to-this-aaguid': ['aaguid-refused'],
  'tpm-key-not-fixed-to-the-tpm': ['attributes', 'key-exportable'],
  'empty-authorization-lists': ['attributes', 'software-key'],
  'software root: deny list': ['software-key'],
  'test root: never trusted outside tests': ['test-root'],
  'u2f-with-non-zero-aaguid': ['attributes', 'aaguid-refused'],
};

export async function judgeFile(file: VectorFile): Promise<readonly Judged[] | null> {
  const judge = families[file.family];
  if (judge === undefined) return null;
  const judged: Judged[] = [];
  for (const vector of file.vectors) {
    const lenient = await judge(vector, file);
    const stricter = matches(vector, lenient) ? null : await judge(vector, hardwareOnly(file));
    judged.push(compare(vector, lenient, stricter));
  }
  return judged;
}

/** The same file under its stricter policy: only hardware counts. */
function hardwareOnly(file: VectorFile): VectorFile {
  return { ...file, policy: { trustedAnchorClasses: ['hardware'] } };
}

/**
 * Right is the collection's answer, with its reason and anchor. Where its strict answer is a refusal and its lenient one is not,
 * a refusal is right too if hardware-only policy refuses for one of the strict reasons: weak keys, keys that may leave the TPM,
 * chains of no known form and statements that are not whole are refused whatever the policy.
 */
function compare(vector: Vector, lenient: Answer, stricter: Answer | null): Judged {
  const { id, expect } = vector;
  const answer = stricter ?? lenient;
  const right = stricter === null || matchesStrict(vector, lenient, stricter);
  const got = answer.decision === 'accept' ? `accept at ${answer.anchor ?? 'no anchor'}` : `refuse: ${answer.reason}`;
  const expected =
    expect.verdict === 'accept' ? `accept at ${expect.chainsTo ?? 'no anchor'}` : `refuse: ${expect.reason}`;
  return { id, right, expected, got, anchor: answer.anchor ?? null };
}

function matches({ expect }: Vector, answer: Answer): boolean {
  if (expect.verdict === 'reject') return answer.decision === 'refuse' && named([expect.reason], answer.reason);
  return answer.decision === 'accept' && (answer.anchor === undefined || answer.anchor === expect.chainsTo);
}

function matchesStrict({ expect }: Vector, lenient: Answer, stricter: Answer): boolean {
  if (expect.strict?.verdict !== 'reject' || lenient.decision !== 'refuse') return false;
  return stricter.decision === 'refuse' && named(expect.strict.reasons, stricter.reason);
}

function named(theirs: readonly string[], ours: string): boolean {
  return theirs.some((reason) => REASONS[reason]?.includes(ours) ?? false);
}
