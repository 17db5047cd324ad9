import * as v from 'valibot';
import type { AcceptedIdentity, Expectation } from '../../identity/judge.ts';
import { TYP } from '../../protocol/identity.ts';
import { CLIENT_ASSERTION_S, ClientAssertionClaims, type RequestReason } from '../../protocol/request.ts';
import { chainOf, headerOf, payloadUnder } from './chain.ts';

export interface AssertedClient {
  readonly identity: AcceptedIdentity;
  /** To be used once: remember `<device>.<jti>` until `replayUntil` (milliseconds). */
  readonly jti: string;
  readonly replayUntil: number;
}

/**
 * A JWT client assertion (RFC 7523 §3, RFC 7521 §4.2): signed by the key of the certificate in its `x5c`, for this issuer only, at
 * most a minute long. Whether the account's manifest still holds the device is the caller's next question.
 */
export async function verifyClientAssertion(
  jws: string,
  issuer: string,
  expected: Expectation,
): Promise<{ ok: true; client: AssertedClient } | { ok: false; reason: RequestReason; detail?: string }> {
  const header = headerOf(jws, TYP.clientAuthentication, ['x5c']);
  if (!header) return { ok: false, reason: 'assertion-malformed' };
  const chain = await chainOf(header, expected);
  if (!chain.ok) return { ok: false, reason: 'certificate-refused', detail: chain.reason };
  const payload = await payloadUnder(jws, chain.identity.key);
  if (payload === null) return { ok: false, reason: 'assertion-signature' };
  const claims = v.safeParse(ClientAssertionClaims, payload);
  if (!claims.success) return { ok: false, reason: 'assertion-malformed' };
  const wrong = refusal(claims.output, chain.identity, issuer, expected.now / 1000);
  if (wrong) return { ok: false, reason: wrong };
  const { jti, exp } = claims.output;
  return { ok: true, client: { identity: chain.identity, jti, replayUntil: exp * 1000 } };
}

function refusal(
  claims: ClientAssertionClaims,
  identity: AcceptedIdentity,
  issuer: string,
  now: number,
): RequestReason | null {
  const { iss, sub, aud, iat, exp } = claims;
  if (iss !== identity.device || sub !== identity.device) return 'assertion-subject';
  if (aud !== issuer) return 'assertion-audience';
  if (exp - iat > CLIENT_ASSERTION_S || exp <= iat) return 'assertion-lifetime';
  return exp <= now || iat > now + CLIENT_ASSERTION_S ? 'assertion-expired' : null;
}
