/** Which app a statement names: SHA-256 of its App ID, `<team id>.<bundle id>`, in place of a relying-party id. */
import { sha256 } from '@noble/hashes/sha2.js';
import { equal } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';

/** The App ID of the list whose hash this is; null when it is none of them. */
export function appIdOf(rpIdHash: Uint8Array, applications: readonly string[]): string | null {
  return applications.find((application) => equal(sha256(utf8(application)), rpIdHash)) ?? null;
}
