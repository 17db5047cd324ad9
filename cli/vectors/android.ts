import { normalizeSerial, readStatusList } from '../../src/attestation/android/status-list.ts';
import type { Answer } from './judge.ts';
import { bytes, text, type Vector } from './vector.ts';

/** Look-up of one serial in one list. */
export async function androidStatusList({ input, verifyAt }: Vector): Promise<Answer> {
  const list = readStatusList(bytes(input['statusList']), Date.parse(verifyAt));
  const serial = normalizeSerial(text(input['serial']));
  if (list === null || serial === null) return { decision: 'refuse', reason: 'malformed' };
  const status = list.entries.get(serial)?.status;
  if (status === undefined) return { decision: 'accept', reason: '' };
  return { decision: 'refuse', reason: status === 'REVOKED' ? 'revoked-by-list' : 'suspended-by-list' };
}
