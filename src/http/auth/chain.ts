import * as jose from 'jose';
import { fromBase64 } from '../../bytes/base64.ts';
import { fromBase64url } from '../../bytes/base64url.ts';
import { verifyAll } from '../../directory/signature.ts';
import { type AcceptedIdentity, type Expectation, type IdentityReason, judgeIdentity } from '../../identity/judge.ts';

/** Longest JWS with a chain in its header, characters. */
export const MAX_CHAINED_JWS = 8_192;

/** The chain in a JWS's `x5c` (RFC 7515 §4.1.6), judged and verified. Its leaf's key is the only one the JWS may be signed with. */
export async function chainOf(
  header: jose.ProtectedHeaderParameters,
  expected: Expectation,
): Promise<{ ok: true; identity: AcceptedIdentity } | { ok: false; reason: IdentityReason | 'signature-invalid' }> {
  const carried: unknown = header.x5c;
  const chain = Array.isArray(carried) ? carried.map((der) => (typeof der === 'string' ? fromBase64(der) : null)) : [];
  if (!chain.every((der) => der !== null)) return { ok: false, reason: 'malformed' };
  const plan = judgeIdentity(chain, expected);
  if (!plan.ok) return plan;
  const results = await verifyAll(crypto.subtle, plan.checks);
  const concluded = plan.conclude((_, i) => results[i] === true);
  return concluded.ok ? { ok: true, identity: concluded.value } : concluded;
}

/** The protected header of a compact JWS of this `typ` under ES256, with no member but those allowed; null otherwise. */
export function headerOf(jws: string, typ: string, allowed: readonly string[]): jose.ProtectedHeaderParameters | null {
  if (jws.length > MAX_CHAINED_JWS || !isCanonical(jws)) return null;
  try {
    const header = jose.decodeProtectedHeader(jws);
    const closed = Object.keys(header).every((name) => name === 'alg' || name === 'typ' || allowed.includes(name));
    return closed && header.alg === 'ES256' && header.typ === typ ? header : null;
  } catch {
    return null;
  }
}

/** Three parts, each the one base64url text of its bytes: jose reads others too, and then one signature would have many spellings. */
function isCanonical(jws: string): boolean {
  const parts = jws.split('.');
  return parts.length === 3 && parts.every((part) => fromBase64url(part) !== null);
}

/** The payload if `key` (SPKI, P-256) signed it; null otherwise. Times are judged by the caller. */
export async function payloadUnder(jws: string, key: Uint8Array<ArrayBuffer>): Promise<unknown> {
  try {
    const imported = await crypto.subtle.importKey('spki', key, { name: 'ECDSA', namedCurve: 'P-256' }, false, [
      'verify',
    ]);
    const { payload } = await jose.compactVerify(jws, imported, { algorithms: ['ES256'] });
    return JSON.parse(new TextDecoder().decode(payload)) as unknown;
  } catch {
    return null;
  }
}
