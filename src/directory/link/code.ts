/** What two devices show while one lets the other join, and what they send for it (docs/protocol/directory.md §6). */
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, lp, u32 } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';

const COMMITMENT = utf8('callsign/link-commitment/1\0');
const CODE = utf8('callsign/link-code/1\0');
const DIGITS = 8;

/** The new device: everything that its commitment covers. */
export interface Newcomer {
  /** 16 bytes. */
  readonly device: Uint8Array;
  /** SubjectPublicKeyInfo of its identity key. */
  readonly key: Uint8Array;
  /** 32 random bytes, unknown to everybody else until the sponsor's are out. */
  readonly nonce: Uint8Array;
}

/** The device that is in the account: what it stands on, and its own 32 random bytes. */
export interface Sponsor extends Newcomer {
  /** The head on which the version that adds the newcomer will stand; `hash` is 32 bytes. */
  readonly head: { readonly version: number; readonly hash: Uint8Array };
}

/** Both ids that a link has: 16 and 32 bytes. */
export interface Place {
  readonly link: Uint8Array;
  readonly account: Uint8Array;
}

/** SHA-256 over label, link, account, device, lp(key), nonce: 32 bytes. Binds the newcomer before the sponsor's nonce is known. */
export function linkCommitment({ link, account }: Place, { device, key, nonce }: Newcomer): Uint8Array {
  return sha256(concat(COMMITMENT, link, account, device, lp(key), nonce));
}

/**
 * Eight digits: the first eight bytes of SHA-256 over label, link, account, head and both sides, as a number modulo 10^8. Who
 * stands between the two chooses its values for one side before it knows the other side's nonce, so it meets the same code
 * with probability 10^-8.
 */
export function comparisonCode({ link, account }: Place, sponsor: Sponsor, newcomer: Newcomer): string {
  const { head } = sponsor;
  const sides = [sponsor, newcomer].map(({ device, key, nonce }) => concat(device, lp(key), nonce));
  const digest = sha256(concat(CODE, link, account, u32(head.version), head.hash, ...sides));
  const number = new DataView(digest.buffer, digest.byteOffset).getBigUint64(0) % 10n ** BigInt(DIGITS);
  return number
    .toString()
    .padStart(DIGITS, '0')
    .replace(/^(....)/, '$1 ');
}
