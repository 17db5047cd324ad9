import type { Issuer } from './authority.ts';
import { signBody } from './sign.ts';
import { revocationBody } from './x509.ts';

/** Why a certificate was revoked, in our words; the list says it in RFC 5280 §5.3.1's. */
export type RevocationReason = 'owner' | 'operator' | 'condemned' | 'superseded';

const CODES: Readonly<Record<RevocationReason, number>> = {
  /** cessationOfOperation: a device of the account removed it. */
  owner: 5,
  /** privilegeWithdrawn. */
  operator: 9,
  /** keyCompromise: a list or policy condemned the evidence. */
  condemned: 1,
  superseded: 4,
};

export interface RevokedSerial {
  /** Lowercase hexadecimal. */
  readonly serial: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly reason: RevocationReason;
  /** notAfter of the certificate. */
  readonly until: number;
}

const DAY = 24 * 3_600_000;
/** A list is never valid longer than this. */
export const MAX_LIST_LIFE = DAY;
/**
 * Entries stay this long after their certificate ended: a device may be accepted as dormant for 90 days, and one list more (RFC 5280
 * §3.3). Dropping them earlier would bring a revoked device back to life.
 */
export const KEEP_AFTER_END = 91 * DAY;

/**
 * The complete list of an issuer (RFC 5280 §5), DER. `number` grows with every list (at most 2^53 - 1); `life` is milliseconds from `now` to the
 * next update. Certificates that ended more than KEEP_AFTER_END ago are left out.
 */
export async function signRevocationList(
  issuer: Issuer,
  revoked: readonly RevokedSerial[],
  number: number,
  now: number,
  life: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (life <= 0 || life > MAX_LIST_LIFE) throw new RangeError('a revocation list lives at most 24 hours');
  if (!issuer.certificate.keyUsage?.has('cRLSign')) throw new TypeError('this issuer may not sign lists');
  const thisUpdate = Math.floor(now / 1000) * 1000;
  const body = revocationBody({
    issuer: issuer.certificate.subject.der,
    issuerKeyId: issuer.certificate.subjectKeyId!,
    number,
    thisUpdate,
    nextUpdate: thisUpdate + life,
    entries: revoked
      .filter((entry) => entry.until >= now - KEEP_AFTER_END)
      .map(({ serial, at, reason }) => ({ serial, at, reason: CODES[reason] })),
    signatureAlgorithm: issuer.signer.algorithm,
  });
  return signBody(body, issuer.signer);
}
