/** Every certificate of a path against its issuer and the rules of RFC 5280 §6.1.3 and §6.1.4. */
import { equal } from '../../bytes/join.ts';
import { type Certificate, EXTENSION, inDate } from './certificate.ts';
import { invalid, type Path, type Profile, type Violation } from './profile.ts';
import type { Ended, PathQuery } from './query.ts';
import { verifySignature } from './signature.ts';
import { weakness } from './weak-key.ts';

const RFC = 'RFC 5280 §6.1';

/** Every certificate with its issuer, from the anchor down to the leaf. */
export async function checkPath(
  { path, anchor, verifiedFrom }: Ended,
  { now, profile }: PathQuery,
): Promise<Violation | null> {
  const top = checkAnchor(path, anchor.certificate, now, profile);
  if (top !== null) return top;
  for (let i = path.length - 1; i >= 0; i--) {
    const issuer = path[i + 1] ?? anchor.certificate;
    const violation =
      (i < verifiedFrom ? await checkSignature(path[i]!, issuer, i) : null) ??
      checkCertificate(path, i, now, profile) ??
      checkKeyIds(path[i]!, issuer, i) ??
      (i > 0 ? checkIssuer(path, i, profile) : null);
    if (violation !== null) return violation;
  }
  return null;
}

/** The anchor's own signature proves nothing and is not looked at; its constraints bind where it states them (RFC 5937 §3.2). */
function checkAnchor(path: Path, anchor: Certificate, now: number, profile: Profile): Violation | null {
  const at = path.length;
  const weak = weakness(anchor.key);
  if (weak !== null) return weakKey(at, weak);
  if (profile.honorsValidity(path, at) && !inDate(anchor, now)) return expired(anchor, at, now);
  if (at === 0) return null;
  if (anchor.basicConstraints?.ca === false) {
    return invalid(at, 'path.ca', `${RFC}.4 (k)`, 'the anchor says that it is no CA');
  }
  return checkPathLength(path, at, anchor);
}

/** §6.1.3 (a)(1). */
async function checkSignature(child: Certificate, issuer: Certificate, at: number): Promise<Violation | null> {
  const result = await verifySignature(child.signatureAlgorithm, issuer.key, child.tbs, child.signature);
  if (result.ok) return null;
  const reason = result.reason === 'signature-invalid' ? 'chain-invalid' : result.reason;
  const detail = `signature by the issuer: ${result.reason}, ${child.signatureAlgorithm.kind}`;
  return { reason, certificate: at, rule: 'path.signature', spec: `${RFC}.3 (a)(1)`, detail };
}

/** §6.1.3 (a)(2), §6.1.4 (o), §6.1.5 (f), and the key floor. */
function checkCertificate(path: Path, at: number, now: number, profile: Profile): Violation | null {
  const certificate = path[at]!;
  if (profile.honorsValidity(path, at) && !inDate(certificate, now)) return expired(certificate, at, now);
  for (const { oid, critical } of certificate.extensions.values()) {
    if (critical && !profile.understood.has(oid)) {
      return invalid(at, 'path.critical', `${RFC}.4 (o)`, `critical extension ${oid} is not understood`);
    }
  }
  // Name constraints are not implemented, so a path under them is never accepted, whatever the criticality says.
  if (certificate.extensions.has(EXTENSION.nameConstraints)) {
    return invalid(at, 'path.name-constraints', `${RFC}.4 (g)`, 'name constraints are not supported');
  }
  const weak = weakness(certificate.key);
  return weak === null ? null : weakKey(at, weak);
}

function expired({ notBefore, notAfter }: Certificate, at: number, now: number): Violation {
  const [from, to, time] = [notBefore, notAfter, now].map((instant) => new Date(instant).toISOString());
  const detail = `valid from ${from} to ${to}, judged at ${time}`;
  return { reason: 'chain-expired', certificate: at, rule: 'path.validity', spec: `${RFC}.3 (a)(2)`, detail };
}

function weakKey(at: number, detail: string): Violation {
  return { reason: 'weak-key', certificate: at, rule: 'path.weak-key', spec: 'NIST SP 800-131A §3', detail };
}

/** §4.2.1.1: where both identifiers are there they must agree. */
function checkKeyIds(child: Certificate, issuer: Certificate, at: number): Violation | null {
  if (child.authorityKeyId === null || issuer.subjectKeyId === null) return null;
  if (equal(child.authorityKeyId, issuer.subjectKeyId)) return null;
  return invalid(
    at,
    'path.key-id',
    'RFC 5280 §4.2.1.1',
    "authority key identifier is not the issuer's subject key identifier",
  );
}

/** §6.1.4 (k) to (n): the certificate issues others. */
function checkIssuer(path: Path, at: number, profile: Profile): Violation | null {
  if (!profile.mustBeCa(path, at)) return null;
  const certificate = path[at]!;
  if (certificate.version !== 3 || certificate.basicConstraints?.ca !== true) {
    return invalid(at, 'path.ca', `${RFC}.4 (k)`, 'an issuer that is no CA');
  }
  if (certificate.keyUsage !== null && !certificate.keyUsage.has('keyCertSign')) {
    return invalid(at, 'path.key-usage', `${RFC}.4 (n)`, 'an issuer without keyCertSign');
  }
  return checkPathLength(path, at, certificate);
}

/** §6.1.4 (l), (m): certificates between this issuer and the leaf, those issued to their own name not counted. */
function checkPathLength(path: Path, at: number, issuer: Certificate): Violation | null {
  const limit = issuer.basicConstraints?.pathLength ?? null;
  const between = path.slice(1, at).filter((one) => !equal(one.subject.der, one.issuer.der)).length;
  if (limit === null || between <= limit) return null;
  return invalid(at, 'path.pathlen', `${RFC}.4 (m)`, `${between} intermediates below, ${limit} allowed`);
}
