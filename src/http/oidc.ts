import { errors, type JWTVerifyGetKey, jwtVerify } from 'jose';

/** One identity provider whose word for a subject is believed. Everything here is the operator's; nothing comes from a token. */
export interface OidcIssuer {
  /** `iss`, character for character. */
  readonly issuer: string;
  /** `aud`: this deployment's client id there. */
  readonly audience: string;
  /** Given with the configuration, or fetched from the one URL that it names. */
  readonly keys: JWTVerifyGetKey;
}

/** A token older than this proves nothing about now, s. */
const OLDEST_S = 600;
const SKEW_S = 60;
const LONGEST = 8_192;
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];

/** What jose says when the keys could not be fetched. */
const UNREACHED: ReadonlySet<string> = new Set([errors.JWKSTimeout.code, errors.JOSEError.code]);

export type TokenJudgement =
  | { readonly ok: true; readonly subject: string }
  /** `unreachable`: the issuer's keys could not be had, so nothing is known of the token. */
  | { readonly ok: false; readonly reason: 'refused' | 'unreachable' };

/**
 * An ID token (OpenID Connect Core §3.1.3.7) of a configured issuer: its signature by the issuer's keys, iss, aud and azp, exp, an
 * iat of the last ten minutes, and the nonce that was made for this account and device. `jku`, `jwk` and `x5u` are never followed.
 */
export async function judgeToken(
  { issuer, audience, keys }: OidcIssuer,
  token: string,
  nonce: string,
  now: number,
): Promise<TokenJudgement> {
  if (token.length > LONGEST) return { ok: false, reason: 'refused' };
  const options = { issuer, audience, algorithms: ALGORITHMS, currentDate: new Date(now), clockTolerance: SKEW_S };
  try {
    const { payload } = await jwtVerify(token, keys, {
      ...options,
      maxTokenAge: OLDEST_S,
      requiredClaims: ['sub', 'exp', 'iat', 'nonce'],
    });
    const forUs = typeof payload.aud === 'string' || payload['azp'] === audience || payload.aud?.length === 1;
    const fits = forUs && payload['nonce'] === nonce && typeof payload.sub === 'string';
    return fits ? { ok: true, subject: payload.sub ?? '' } : { ok: false, reason: 'refused' };
  } catch (error) {
    const late = !(error instanceof errors.JOSEError) || UNREACHED.has(error.code);
    return { ok: false, reason: late ? 'unreachable' : 'refused' };
  }
}
