import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base32 } from '../bytes/base32.ts';
import { base64url } from '../bytes/base64url.ts';
import { utf8 } from '../bytes/utf8.ts';
import { concat } from '../bytes/join.ts';
import type { Operation } from '../actors/account/operation.ts';
import type { Services } from './services.ts';

function keyed({ keys }: Pick<Services, 'keys'>, label: string, text: string): Uint8Array {
  return hmac(sha256, keys.handles.secret, utf8(`${label}${text}`));
}

/** How the directory keeps a canonical handle: a keyed hash, so that its rows are no phone book. */
export function handleHash(services: Pick<Services, 'keys'>, canonical: string): string {
  return base64url(keyed(services, 'callsign/handle/1\0', canonical));
}

/** Salt of an account's commitment to a handle: 32 bytes, the same again for a retry, so that it commits to the same value. */
export function saltOf(services: Pick<Services, 'keys'>, account: string, canonical: string): Uint8Array {
  return keyed(services, 'callsign/handle-salt/1\0', `${account}\0${canonical}`);
}

/** The account that is asked about a handle that leads nowhere: there is none of that name, and asking it takes as long as asking one. */
export function decoyOf(services: Pick<Services, 'keys'>, hash: string): string {
  return base32(keyed(services, 'callsign/decoy/1\0', hash));
}

/**
 * 24 random bytes for a request and its repeats: a process that dies after it stored a code and before it answered must not send
 * another one. `scope` keeps devices and handles apart. Without an Idempotency-Key they are new each time.
 */
export function sameForRepeats(
  { keys, random }: Services,
  operation: Operation | null | undefined,
  scope: string,
): Uint8Array<ArrayBuffer> {
  if (!operation) return random(24);
  const { id, fingerprint } = operation;
  const label = utf8('callsign/handle-request/1\0');
  return hmac(sha256, keys.handles.secret, concat(label, utf8(`${scope} ${id} ${fingerprint}`))).slice(0, 24);
}
