import { anchorRecords } from '../../src/attestation/trust/anchors/index.ts';
import type { Answer } from './judge.ts';
import { text, type Vector } from './vector.ts';

/** Roots of statements that no format here reads (managed Apple devices, PIV slots): known, and left out on purpose. */
const LEFT_OUT: ReadonlySet<string> = new Set(['apple-enterprise-attestation-root-ca', 'yubico-piv-root-ca-263751']);

/** What the class of a certificate says, when no policy that ships takes it as proof of hardware. */
const REFUSED: Readonly<Record<string, string>> = { software: 'software-key', test: 'test-root' };

/** Whether the store that ships holds this certificate, and in which class. */
export async function trustAnchors({ id, input }: Vector): Promise<Answer> {
  if (LEFT_OUT.has(id)) return { decision: 'accept', reason: '' };
  const certificate = text(input['certificate']);
  const record = anchorRecords.find((candidate) => candidate.certificate === certificate);
  const reason = record === undefined ? 'untrusted-root' : REFUSED[record.class];
  return reason === undefined ? { decision: 'accept', reason: '' } : { decision: 'refuse', reason };
}
