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
}

/** The collection's reasons in our words. */
const REASONS: Readonly<Record<string, readonly string[]>> = {
  malformed: ['malformed'],
  'signature-invalid': ['signature-invalid'],
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

/** Refusals that no policy relaxes: where the collection's lenient answer is `accept` and its strict one is not, they are right. */
const UNRELAXED: ReadonlySet<string> = new Set([
  'weak-key',
  'attributes',
  'key-exportable',
  'software-key',
  'algorithm-unavailable',
]);

export async function judgeFile(file: VectorFile): Promise<readonly Judged[] | null> {
  const judge = families[file.family];
  if (judge === undefined) return null;
  const judged: Judged[] = [];
  for (const vector of file.vectors) judged.push(compare(vector, await judge(vector, file)));
  return judged;
}

function compare(vector: Vector, answer: Answer): Judged {
  const { expect } = vector;
  const got = answer.decision === 'accept' ? `accept at ${answer.anchor ?? 'no anchor'}` : `refuse: ${answer.reason}`;
  const expected =
    expect.verdict === 'accept' ? `accept at ${expect.chainsTo ?? 'no anchor'}` : `refuse: ${expect.reason}`;
  return { id: vector.id, right: matches(vector, answer), expected, got };
}

function matches({ expect }: Vector, answer: Answer): boolean {
  if (expect.verdict === 'reject') return answer.decision === 'refuse' && named([expect.reason], answer.reason);
  if (answer.decision === 'accept') return answer.anchor === undefined || answer.anchor === expect.chainsTo;
  const { strict } = expect;
  if (strict?.verdict !== 'reject' || !UNRELAXED.has(answer.reason)) return false;
  return answer.reason === 'algorithm-unavailable' || named(strict.reasons, answer.reason);
}

function named(theirs: readonly string[], ours: string): boolean {
  return theirs.some((reason) => REASONS[reason]?.includes(ours) ?? false);
}
