import * as v from 'valibot';
import { base64url } from '../../bytes/base64url.ts';
import { PROOF_WINDOW_S, DpopClaims, type RequestReason } from '../../protocol/request.ts';
import { encoded, TYP } from '../../protocol/identity.ts';
import { spkiOf } from '../../directory/jwk.ts';
import { thumbprint, tokenHash } from '../../identity/proof.ts';
import { headerOf, payloadUnder } from './chain.ts';
import { isDpopNonce, type MacKey } from './nonce.ts';

/** What the proof must be about; the server's own view of the request, never the request's. */
export interface ProofExpectation {
  readonly method: string;
  /** Configured public origin and the path: `https://calls.example/v1/lookups`; without query and fragment. */
  readonly url: string;
  /** The access token beside it; null at the token endpoint. */
  readonly accessToken: string | null;
  /** Keys of the server's nonces; null when this resource asks for none. */
  readonly nonceKeys: readonly MacKey[] | null;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface Proof {
  /** The key that signed: SubjectPublicKeyInfo, base64url. */
  readonly key: string;
  /** Its thumbprint. */
  readonly jkt: string;
  /** To be used once: remember `<jkt>.<jti>` until `replayUntil` (milliseconds). */
  readonly jti: string;
  readonly replayUntil: number;
}

const BareJwk = v.strictObject({ kty: v.literal('EC'), crv: v.literal('P-256'), x: encoded(32), y: encoded(32) });

/** A DPoP proof, in the order of RFC 9449 §4.3; `ath` binds it to the token, so it is good for nothing else. */
export async function verifyProof(
  jws: string,
  expected: ProofExpectation,
): Promise<{ ok: true; proof: Proof } | { ok: false; reason: RequestReason }> {
  // 2, 4, 5, 7: a well-formed JWT with typ, ES256, and a public key in its header.
  const header = headerOf(jws, TYP.dpop, ['jwk']);
  const jwk = v.safeParse(BareJwk, header?.jwk);
  const key = jwk.success ? spkiOf(jwk.output) : null;
  if (!key) return { ok: false, reason: 'proof-malformed' };
  // 6: signed by that key.
  const payload = await payloadUnder(jws, key);
  if (payload === null) return { ok: false, reason: 'proof-signature' };
  // 3: the required claims.
  const claims = v.safeParse(DpopClaims, payload);
  if (!claims.success) return { ok: false, reason: 'proof-malformed' };
  const wrong = refusal(claims.output, expected);
  if (wrong) return { ok: false, reason: wrong };
  const replayUntil = (claims.output.iat + PROOF_WINDOW_S + 1) * 1000;
  return { ok: true, proof: { key: base64url(key), jkt: thumbprint(key), jti: claims.output.jti, replayUntil } };
}

/** 8 method, 9 URL, 10 nonce, 11 time, 12 token hash. */
function refusal(claims: DpopClaims, expected: ProofExpectation): RequestReason | null {
  if (claims.htm !== expected.method) return 'proof-method';
  if (bareUrl(claims.htu) !== bareUrl(expected.url)) return 'proof-url';
  const asks = expected.nonceKeys;
  if (asks && !(claims.nonce !== undefined && isDpopNonce(asks, claims.nonce, expected.now))) return 'proof-nonce';
  if (Math.abs(claims.iat - expected.now / 1000) > PROOF_WINDOW_S) return 'proof-time';
  const ath = expected.accessToken === null ? undefined : tokenHash(expected.accessToken);
  return claims.ath === ath ? null : 'proof-token-hash';
}

/** RFC 9449 §4.3 step 9: after syntax-based normalization, without query and fragment. Null is no URL and equals nothing. */
function bareUrl(text: string): string | null {
  const url = URL.parse(text);
  return url && `${url.origin}${url.pathname}`;
}
