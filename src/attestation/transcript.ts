import { sha256 } from '@noble/hashes/sha2.js';
import { type EnrollmentFields, enrollmentInput } from '../bytes/transcript.ts';

/** The 32 bytes that evidence of every format signs over: evidence for one purpose, device, key, account or deployment is worth nothing for another. */
export function enrollmentTranscript(fields: EnrollmentFields): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(sha256(enrollmentInput(fields)));
}
