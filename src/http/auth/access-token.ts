import * as v from 'valibot';
import { base64url } from '../../bytes/base64url.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { Signer } from '../../ca/signer.ts';
import { spkiOf } from '../../directory/jwk.ts';
import { compactInput } from '../../directory/jws.ts';
import type { AcceptedIdentity } from '../../identity/judge.ts';
import { thumbprint } from '../../identity/proof.ts';
import { ACCESS_TOKEN_S } from '../../protocol/api.ts';
import type { KeySet } from '../../protocol/handle.ts';
import { TYP } from '../../protocol/identity.ts';
import { AccessTokenClaims, type RequestReason } from '../../protocol/request.ts';
import { headerOf } from './chain.ts';
import type { SeenTokens } from './seen-tokens.ts';

/** An access token for the device behind an accepted identity, bound to its identity key. `random` has 16 bytes. */
export async function mintAccessToken(
  signer: Signer,
  issuer: string,
  identity: AcceptedIdentity,
  now: number,
  random: Uint8Array,
): Promise<string> {
  const iat = Math.floor(now / 1000);
  const claims: AccessTokenClaims = {
    iss: issuer,
    aud: issuer,
    sub: identity.account ?? identity.device,
    client_id: identity.device,
    serial: identity.certificate.serial,
    jti: base64url(random),
    iat,
    // No token outlives the certificate that it was given for.
    exp: Math.min(iat + ACCESS_TOKEN_S, Math.floor(identity.certificate.notAfter / 1000)),
    cnf: { jkt: thumbprint(identity.key) },
  };
  const input = compactInput(TYP.accessToken, signer.keyId, claims);
  return `${input}.${base64url(await signer.sign(utf8(input)))}`;
}

/** Claims of a token of ours in force. The token alone proves nothing: see verifyProof. */
export async function verifyAccessToken(
  token: string,
  issuer: string,
  keys: KeySet,
  seen: SeenTokens,
  now: number,
): Promise<{ ok: true; claims: AccessTokenClaims } | { ok: false; reason: RequestReason }> {
  const header = headerOf(token, TYP.accessToken, ['kid']);
  if (!header) return { ok: false, reason: 'token-malformed' };
  const jwk = keys.keys.find(({ kid }) => kid === header.kid);
  const key = jwk && spkiOf(jwk);
  if (!key) return { ok: false, reason: 'token-unknown-key' };
  const payload = await seen.payload(token, key);
  if (payload === null) return { ok: false, reason: 'token-signature' };
  const claims = v.safeParse(AccessTokenClaims, payload);
  if (!claims.success) return { ok: false, reason: 'token-malformed' };
  if (claims.output.iss !== issuer || claims.output.aud !== issuer) return { ok: false, reason: 'token-issuer' };
  if (claims.output.exp * 1000 <= now) return { ok: false, reason: 'token-expired' };
  return { ok: true, claims: claims.output };
}
