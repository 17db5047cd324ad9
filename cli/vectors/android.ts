import { normalizeSerial, readStatusList } from '../../src/attestation/android/status-list.ts';
import { readCertificate } from '../../src/attestation/path/certificate.ts';
import { builtInTrust } from '../../src/attestation/trust/load.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import type { Answer } from './judge.ts';
import { familyPolicy } from './policy.ts';
import { bytes, text, type Vector, type VectorFile } from './vector.ts';

/** The identity key of a Keystore enrolment is the leaf's key, as its owner would state it. */
export async function androidKeystore({ input, verifyAt }: Vector, file: VectorFile): Promise<Answer> {
  const chain = input['certificateChain'] as readonly unknown[];
  const expected = {
    transcript: bytes(input['challenge']),
    identityKey: readCertificate(bytes(chain[0]))?.spki ?? new Uint8Array(),
    now: Date.parse(verifyAt),
    rpId: '',
    origins: [],
  };
  const evidence = { format: 'android-keystore', certificateChain: chain };
  const verdict = await verifyEvidence(evidence, expected, builtInTrust(), familyPolicy(file));
  if (verdict.decision !== 'accept') return { decision: 'refuse', reason: verdict.reason ?? '' };
  return { decision: 'accept', reason: '', anchor: verdict.assurance.trustAnchor ?? null };
}

/** Look-up of one serial in one list. */
export async function androidStatusList({ input, verifyAt }: Vector): Promise<Answer> {
  const list = readStatusList(bytes(input['statusList']), Date.parse(verifyAt));
  const serial = normalizeSerial(text(input['serial']));
  if (list === null || serial === null) return { decision: 'refuse', reason: 'malformed' };
  const status = list.entries.get(serial)?.status;
  if (status === undefined) return { decision: 'accept', reason: '' };
  return { decision: 'refuse', reason: status === 'REVOKED' ? 'revoked-by-list' : 'suspended-by-list' };
}
