import type { Plan, SignatureCheck } from '../directory/signature.ts';
import { equal } from '../bytes/join.ts';
import { type IdentityCertificate, readIdentity } from './certificate.ts';
import { type PathReason, validAt, wayToRoot } from './path.ts';
import type { RevocationList } from './revocation.ts';

export type IdentityReason = PathReason | 'not-an-identity' | 'wrong-profile' | 'revoked' | 'dormant-too-long';

export interface Expectation {
  readonly profile: 'call' | 'device';
  /** DER of the pinned roots (clients: from configuration) or of the server's own issuing certificates. */
  readonly roots: readonly Uint8Array[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /**
   * `in-force`: valid now. `dormant`: also one that ended less than `dormantAfter` milliseconds ago; its path is judged at its own
   * end (a device that slept can be rung).
   */
  readonly validity: 'in-force' | { readonly dormantAfter: number };
  /** The newest accepted list of the issuer, or null when there is none. */
  readonly revocations: RevocationList | null;
}

export interface AcceptedIdentity extends IdentityCertificate {
  /** The certificate is over and the device is to be treated as dormant. */
  readonly dormant: boolean;
  /** `unknown`: no list of this issuer, or one past its next update; the caller rings and says so. */
  readonly revocation: 'good' | 'unknown';
}

/** Chain: leaf first, the issuing certificate after it, a root at most last. docs/protocol/identity.md §2. */
export function judgeIdentity(
  chain: readonly Uint8Array[],
  expected: Expectation,
): Plan<AcceptedIdentity, 'signature-invalid'> | { ok: false; reason: IdentityReason } {
  const [leaf, ...issuers] = chain;
  const identity = leaf && chain.length <= 3 ? readIdentity(leaf) : null;
  if (!identity) return { ok: false, reason: 'not-an-identity' };
  if (identity.profile !== expected.profile) return { ok: false, reason: 'wrong-profile' };
  const { certificate } = identity;
  const outside = validAt(certificate, expected.now);
  const dormant = outside === 'expired' && expected.validity !== 'in-force';
  if (outside && !dormant) return { ok: false, reason: outside };
  if (dormant && expected.now - certificate.notAfter >= limitOf(expected))
    return { ok: false, reason: 'dormant-too-long' };
  const way = wayToRoot(certificate, issuers, expected.roots, dormant ? certificate.notAfter : expected.now);
  if (!way.ok) return way;
  const list = listFor(identity, expected.revocations);
  if (list?.revoked.has(certificate.serial)) return { ok: false, reason: 'revoked' };
  const revocation = list && list.nextUpdate >= expected.now ? 'good' : 'unknown';
  return accepted({ ...identity, dormant, revocation }, way.checks);
}

function limitOf({ validity }: Expectation): number {
  return validity === 'in-force' ? 0 : validity.dormantAfter;
}

/** A list speaks for the issuer that it names, by name and key. */
function listFor({ certificate }: IdentityCertificate, list: RevocationList | null): RevocationList | null {
  const same =
    list &&
    certificate.authorityKeyId &&
    equal(list.issuer, certificate.issuer.der) &&
    equal(list.issuerKeyId, certificate.authorityKeyId);
  return same ? list : null;
}

function accepted(
  value: AcceptedIdentity,
  checks: readonly SignatureCheck[],
): Plan<AcceptedIdentity, 'signature-invalid'> {
  return {
    ok: true,
    checks,
    conclude: (holds) => (checks.every(holds) ? { ok: true, value } : { ok: false, reason: 'signature-invalid' }),
  };
}
