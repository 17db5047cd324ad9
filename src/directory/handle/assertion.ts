import * as v from 'valibot';
import { base64url } from '../../bytes/base64url.ts';
import { utf8 } from '../../bytes/utf8.ts';
import { ASSERTION_MAX_S, HandleClaims, type HandleMethod, type KeySet } from '../../protocol/handle.ts';
import { TYP } from '../../protocol/identity.ts';
import { spkiOf } from '../jwk.ts';
import { compactInput, readCompact } from '../jws.ts';
import type { Head } from '../manifest/head.ts';
import type { Plan } from '../signature.ts';
import { commits } from './commitment.ts';

const LIMIT = 2_048;
/** Clocks may differ by this much, s. */
const SKEW_S = 300;

export interface AssertionFacts {
  /** Issuer identifier. */
  readonly issuer: string;
  readonly account: string;
  readonly handle: string;
  /** base64url, 32 bytes. */
  readonly salt: string;
  readonly method: HandleMethod;
  /** Milliseconds since 1970. */
  readonly verifiedAt: number;
}

/** An assertion about to be signed: `input` goes to the directory key (ES256), `seal` puts r || s behind it. */
export function draftAssertion(facts: AssertionFacts, kid: string, now: number) {
  const iat = Math.floor(now / 1000);
  const claims: HandleClaims = {
    iss: facts.issuer,
    sub: facts.account,
    handle: facts.handle,
    salt: facts.salt,
    method: facts.method,
    verified_at: Math.floor(facts.verifiedAt / 1000),
    iat,
    exp: iat + ASSERTION_MAX_S,
  };
  const input = compactInput(TYP.handle, kid, claims);
  return { input: utf8(input), seal: (signature: Uint8Array): string => `${input}.${base64url(signature)}` };
}

export type AssertionReason =
  | 'malformed'
  | 'unknown-key'
  | 'issuer'
  | 'account'
  | 'handle'
  | 'expired'
  | 'not-yet-valid'
  | 'too-long'
  | 'not-committed'
  | 'signature-invalid';

/** What a client holds when it judges an assertion. */
export interface AssertionExpectation {
  readonly issuer: string;
  readonly keys: KeySet;
  /** The account's verified head: it must commit to the handle. */
  readonly head: Head;
  /** Canonical handle that was asked for; null accepts whichever the account shows (an incoming call). */
  readonly handle: string | null;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Plans the acceptance of an assertion, on the server's word for the binding and the manifest's for the consent. */
export function judgeAssertion(
  text: string,
  expected: AssertionExpectation,
): Plan<HandleClaims, AssertionReason> | { ok: false; reason: AssertionReason } {
  const jws = readCompact(text, TYP.handle, LIMIT);
  const parsed = v.safeParse(HandleClaims, jws?.claims);
  if (!jws || !parsed.success) return { ok: false, reason: 'malformed' };
  const jwk = expected.keys.keys.find(({ kid }) => kid === jws.kid);
  const key = jwk && spkiOf(jwk);
  if (!key) return { ok: false, reason: 'unknown-key' };
  const wrong = refusal(parsed.output, expected);
  if (wrong) return { ok: false, reason: wrong };
  const check = jws.under(key);
  return {
    ok: true,
    checks: [check],
    conclude: (holds) =>
      holds(check, 0) ? { ok: true, value: parsed.output } : { ok: false, reason: 'signature-invalid' },
  };
}

function refusal(claims: HandleClaims, { issuer, head, handle, now }: AssertionExpectation): AssertionReason | null {
  const seconds = now / 1000;
  if (claims.iss !== issuer) return 'issuer';
  if (claims.sub !== head.account) return 'account';
  if (handle !== null && claims.handle !== handle) return 'handle';
  if (claims.exp - claims.iat > ASSERTION_MAX_S) return 'too-long';
  if (claims.exp + SKEW_S < seconds) return 'expired';
  if (claims.iat - SKEW_S > seconds) return 'not-yet-valid';
  return commits(head, claims.salt, claims.handle) ? null : 'not-committed';
}
