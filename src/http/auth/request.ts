import type { KeySet } from '../../protocol/handle.ts';
import type { AccessTokenClaims, RequestReason } from '../../protocol/request.ts';
import { verifyAccessToken } from './access-token.ts';
import { type Proof, verifyProof } from './dpop.ts';
import type { MacKey } from './nonce.ts';
import type { SeenTokens } from './seen-tokens.ts';

export interface RequestFacts {
  readonly method: string;
  /** Path of the request, without query. */
  readonly path: string;
  readonly authorization: string | null;
  readonly dpop: string | null;
}

export interface RequestRules {
  /** Issuer identifier and configured public origin, e.g. `https://calls.example`. */
  readonly origin: string;
  /** Public keys of the token signer. */
  readonly keys: KeySet;
  readonly seen: SeenTokens;
  /** Null when this resource asks for no nonce. */
  readonly nonceKeys: readonly MacKey[] | null;
  readonly now: number;
}

/** Who asks, as far as signatures show. Revocation and membership are the Account actor's to say, on every request. */
export interface Authenticated {
  /** Null for profile `device`. */
  readonly account: string | null;
  readonly device: string;
  /** Identity key: SubjectPublicKeyInfo, base64url. */
  readonly key: string;
  /** Of the certificate that obtained the token. */
  readonly serial: string;
  readonly proof: Proof;
}

/** `Authorization: DPoP <token>` with its proof (RFC 9449 §7.1): the token is ours, and who holds its key made this very request. */
export async function authenticate(
  facts: RequestFacts,
  rules: RequestRules,
): Promise<{ ok: true; caller: Authenticated } | { ok: false; reason: RequestReason }> {
  const [, accessToken] = /^DPoP ([A-Za-z0-9._-]+)$/i.exec(facts.authorization ?? '') ?? [];
  if (accessToken === undefined || facts.dpop === null) return { ok: false, reason: 'credentials-missing' };
  const token = await verifyAccessToken(accessToken, rules.origin, rules.keys, rules.seen, rules.now);
  if (!token.ok) return token;
  const { nonceKeys, now } = rules;
  const url = `${rules.origin}${facts.path}`;
  const shown = await verifyProof(facts.dpop, { method: facts.method, url, accessToken, nonceKeys, now });
  if (!shown.ok) return shown;
  if (shown.proof.jkt !== token.claims.cnf.jkt) return { ok: false, reason: 'proof-key' };
  const { proof } = shown;
  return { ok: true, caller: { ...partyOf(token.claims), key: proof.key, serial: token.claims.serial, proof } };
}

function partyOf({ sub, client_id: device }: AccessTokenClaims): { account: string | null; device: string } {
  return { account: sub === device ? null : sub, device };
}
