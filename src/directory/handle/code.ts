/** Verification codes: made, kept as a MAC, and judged. The caller stores what `judgeCode` returns, in the transaction that judged. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64url } from '../../bytes/base64url.ts';
import { concat, equal, lp } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';
import { CODE } from '../../protocol/handle.ts';

const DOMAIN = utf8('callsign/code/1\0');
const DAY = 86_400_000;

/** What a code is for; one for another account, device or handle is another code. */
export interface CodeScope {
  readonly account: string;
  readonly device: string;
  /** Canonical. */
  readonly handle: string;
}

/** One code that was sent. A resend replaces it. */
export interface PendingCode {
  /** HMAC-SHA256, base64url. */
  readonly mac: string;
  /** Names the MAC key. */
  readonly kid: string;
  readonly expiresAt: number;
  readonly triesLeft: number;
}

/** Wrong codes of one handle, whoever sent them. */
export interface WrongCodes {
  /** Start of the window, milliseconds. */
  readonly since: number;
  readonly count: number;
}

export interface CodeKey {
  readonly kid: string;
  readonly secret: Uint8Array;
}

/** Six digits from 8 random bytes; the bias of the remainder is below 2^-43. */
export function codeFrom(random: Uint8Array): string {
  const value = random.subarray(0, 8).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return String(value % 10n ** BigInt(CODE.digits)).padStart(CODE.digits, '0');
}

export function pendingCode(key: CodeKey, scope: CodeScope, code: string, now: number): PendingCode {
  return { mac: base64url(macOf(key, scope, code)), kid: key.kid, expiresAt: now + CODE.lifeMs, triesLeft: CODE.tries };
}

function macOf({ secret }: CodeKey, { account, device, handle }: CodeScope, code: string): Uint8Array {
  return hmac(sha256, secret, concat(DOMAIN, ...[account, device, handle, code].map((part) => lp(utf8(part)))));
}

/** `wrong`: counts a try; `spent`: no code that could be right is open (none, expired, tries gone); `locked`: too many wrong ones today. */
export type CodeAnswer = 'right' | 'wrong' | 'spent' | 'locked';

export interface CodeJudgement {
  readonly answer: CodeAnswer;
  /** What to store; null forgets the code. */
  readonly pending: PendingCode | null;
  readonly wrong: WrongCodes;
}

/** A client is told `right` or one refusal for everything else: which of them it was would tell a guesser where he stands. */
export function judgeCode(
  keys: readonly CodeKey[],
  pending: PendingCode | null,
  wrongSoFar: WrongCodes | null,
  scope: CodeScope,
  code: string,
  now: number,
): CodeJudgement {
  const wrong = wrongSoFar && now - wrongSoFar.since < DAY ? wrongSoFar : { since: now, count: 0 };
  if (wrong.count >= CODE.wrongPerDay) return { answer: 'locked', pending, wrong };
  const key = keys.find(({ kid }) => kid === pending?.kid);
  if (!pending || !key || pending.expiresAt <= now || pending.triesLeft <= 0)
    return { answer: 'spent', pending: null, wrong };
  if (equal(utf8(base64url(macOf(key, scope, code))), utf8(pending.mac)))
    return { answer: 'right', pending: null, wrong };
  const triesLeft = pending.triesLeft - 1;
  return {
    answer: 'wrong',
    pending: triesLeft > 0 ? { ...pending, triesLeft } : null,
    wrong: { ...wrong, count: wrong.count + 1 },
  };
}
