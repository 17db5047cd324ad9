import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, equal, lp } from '../bytes/join.ts';
import { utf8 } from '../bytes/utf8.ts';

/**
 * What a push carries: `nonce[8] || mac[16]`,
 *   nonce = HMAC-SHA256(secret, "callsign/push-nonce/1\0" || lp(ring))[0..8)
 *   mac   = HMAC-SHA256(secret, "callsign/push-tag/1\0" || nonce || lp(account))[0..16)
 * `secret` is known to the device and its Device alone, `ring` is the envelope id of the invitation, `account` the caller's.
 * The device finds which of its contacts calls without asking anybody; who has not the secret can link neither two calls nor a
 * call and a caller. The same ring has the same tag, so that a push that came twice is recognized.
 */
const NONCE = utf8('callsign/push-nonce/1\0');
const TAG = utf8('callsign/push-tag/1\0');
const NONCE_BYTES = 8;
const MAC_BYTES = 16;

export function pushTag(secret: Uint8Array, ring: string, account: string): Uint8Array<ArrayBuffer> {
  const nonce = hmac(sha256, secret, concat(NONCE, lp(utf8(ring)))).subarray(0, NONCE_BYTES);
  return concat(nonce, macOf(secret, nonce, account));
}

/** Which of these accounts calls; null when none of them, or when the tag was not made with this secret. */
export function callerOfTag(secret: Uint8Array, tag: Uint8Array, accounts: Iterable<string>): string | null {
  const nonce = tag.subarray(0, NONCE_BYTES);
  const mac = tag.subarray(NONCE_BYTES);
  for (const account of accounts) if (equal(macOf(secret, nonce, account), mac)) return account;
  return null;
}

function macOf(secret: Uint8Array, nonce: Uint8Array, account: string): Uint8Array {
  return hmac(sha256, secret, concat(TAG, nonce, lp(utf8(account)))).subarray(0, MAC_BYTES);
}
