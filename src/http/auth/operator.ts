import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { sha256 } from '@noble/hashes/sha2.js';
import { hex } from '../../bytes/hex.ts';
import { equal } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';

/** Cloudflare Access in front of the operator's API: who it lets in comes with a JWT for this application. */
export interface AccessRules {
  /** `https://<team>.cloudflareaccess.com`. */
  readonly issuer: string;
  /** The application's audience tag. */
  readonly audience: string;
  readonly keys: JWTVerifyGetKey;
}

/** What opens the operator's API: the operator key, and Access where it is configured. */
export interface OperatorRules {
  /** base64url, 32 bytes: what stands behind `Bearer`. */
  readonly key: string;
  readonly access: AccessRules | null;
}

/** Pseudonym of who acts, as the audit names it: `key-…` or `access-…` and 16 hexadecimal digits. */
export type OperatorName = string;

export type OperatorReason = 'operator-credentials' | 'operator-key' | 'access-token' | 'access-unavailable';

/** What jose says when Access's keys could not be fetched. */
const UNREACHED: ReadonlySet<string> = new Set([errors.JWKSTimeout.code, errors.JOSEError.code]);

export function accessRules(team: string, audience: string): AccessRules {
  const issuer = `https://${team}.cloudflareaccess.com`;
  return { issuer, audience, keys: createRemoteJWKSet(new URL(`${issuer}/cdn-cgi/access/certs`)) };
}

/**
 * Who operates, by `Authorization: Bearer` or by Cf-Access-Jwt-Assertion. A Bearer that is wrong is refused, whatever else was
 * shown. Keys are compared by their hashes: time says nothing of how much of a guess was right.
 */
export async function authenticateOperator(
  shown: { readonly authorization: string | null; readonly assertion: string | null },
  rules: OperatorRules,
  now: number,
): Promise<{ ok: true; operator: OperatorName } | { ok: false; reason: OperatorReason }> {
  if (shown.authorization !== null) {
    const [, key] = /^Bearer ([A-Za-z0-9_-]{1,256})$/i.exec(shown.authorization) ?? [];
    if (key === undefined) return { ok: false, reason: 'operator-credentials' };
    const own = sha256(utf8(rules.key));
    return equal(sha256(utf8(key)), own)
      ? { ok: true, operator: nameOf('key', own) }
      : { ok: false, reason: 'operator-key' };
  }
  if (shown.assertion === null || rules.access === null) return { ok: false, reason: 'operator-credentials' };
  return admitted(shown.assertion, rules.access, now);
}

async function admitted(
  assertion: string,
  { issuer, audience, keys }: AccessRules,
  now: number,
): Promise<{ ok: true; operator: OperatorName } | { ok: false; reason: OperatorReason }> {
  try {
    const options = { issuer, audience, algorithms: ['RS256', 'ES256'], currentDate: new Date(now) };
    const { payload } = await jwtVerify(assertion, keys, { ...options, requiredClaims: ['sub', 'exp', 'iat'] });
    if (!payload.sub) return { ok: false, reason: 'access-token' };
    return { ok: true, operator: nameOf('access', sha256(utf8(`${issuer}\0${payload.sub}`))) };
  } catch (error) {
    const late = !(error instanceof errors.JOSEError) || UNREACHED.has(error.code);
    return { ok: false, reason: late ? 'access-unavailable' : 'access-token' };
  }
}

function nameOf(kind: 'key' | 'access', digest: Uint8Array): OperatorName {
  return `${kind}-${hex(digest.subarray(0, 8))}`;
}
