import { type Certificate, EXTENSION, readCertificate } from '../attestation/path/certificate.ts';
import { rawEcdsa } from '../attestation/path/signature.ts';
import { equal } from '../bytes/join.ts';
import type { SignatureCheck } from '../directory/signature.ts';

/** Why the issuers of a certificate or list are not accepted. */
export type PathReason =
  | 'malformed'
  | 'untrusted-root'
  | 'issuer-mismatch'
  | 'not-a-ca'
  | 'unknown-critical'
  | 'algorithm'
  | 'expired'
  | 'not-yet-valid';

/** What an issuer signed: a certificate or a revocation list. */
export interface Signed extends Pick<Certificate, 'tbs' | 'signature' | 'signatureAlgorithm' | 'authorityKeyId'> {
  readonly issuer: { readonly der: Uint8Array };
}

/** The check of `signed` under `issuer`; ECDSA with P-256/SHA-256 or P-384/SHA-384 only. */
export function checkUnder(issuer: Certificate, signed: Signed): SignatureCheck | null {
  const { key, spki } = issuer;
  const hash = signed.signatureAlgorithm.kind === 'ecdsa' ? signed.signatureAlgorithm.hash : null;
  const p256 = key.kind === 'ec' && key.curve === 'P-256' && hash === 'SHA-256';
  const p384 = key.kind === 'ec' && key.curve === 'P-384' && hash === 'SHA-384';
  const signature = p256 || p384 ? rawEcdsa(signed.signature, key.curve) : null;
  if (!signature) return null;
  return {
    algorithm: p256 ? 'ES256' : 'ES384',
    key: spki.slice(),
    data: signed.tbs.slice(),
    signature: signature.slice(),
  };
}

/** Whether `issuer` may issue at depth `below` (0: it issues leaves), by RFC 5280 §6.1.4 (k), (l), (n). */
function mayIssue(issuer: Certificate, below: number): boolean {
  const { basicConstraints, keyUsage } = issuer;
  const length = basicConstraints?.pathLength ?? Infinity;
  return basicConstraints?.ca === true && length >= below && keyUsage?.has('keyCertSign') === true;
}

/** Issuing certificate and root. */
const MAX_ISSUERS = 2;

/** Extensions that an issuer of ours may mark critical. */
const HANDLED = new Set<string>([EXTENSION.basicConstraints, EXTENSION.keyUsage]);

/** One link: names, key identifiers, authority and validity of `issuer` at `at`. */
export function link(child: Signed, issuer: Certificate, below: number, at: number): PathReason | null {
  if (!equal(child.issuer.der, issuer.subject.der)) return 'issuer-mismatch';
  const identified = child.authorityKeyId && issuer.subjectKeyId && equal(child.authorityKeyId, issuer.subjectKeyId);
  if (!identified) return 'issuer-mismatch';
  if (!mayIssue(issuer, below)) return 'not-a-ca';
  if ([...issuer.extensions.values()].some((one) => one.critical && !HANDLED.has(one.oid))) return 'unknown-critical';
  return validAt(issuer, at);
}

export function validAt({ notBefore, notAfter }: Certificate, at: number): 'expired' | 'not-yet-valid' | null {
  if (at < notBefore) return 'not-yet-valid';
  return at > notAfter ? 'expired' : null;
}

/**
 * The way from `child` to a pinned root: at most one issuing certificate between. An anchor may also be the
 * issuing certificate itself (the server pins its own). Gives the signatures that must hold, or why not.
 * A root that the chain carries is compared, never trusted.
 */
export function wayToRoot(
  child: Signed,
  issuers: readonly Uint8Array[],
  roots: readonly Uint8Array[],
  at: number,
): { ok: true; checks: SignatureCheck[]; issuer: Certificate } | { ok: false; reason: PathReason } {
  const carried = issuers.map(readCertificate);
  const anchors = roots.map(readCertificate);
  if (!isWhole(carried) || !isWhole(anchors)) return { ok: false, reason: 'malformed' };
  const path = upToAnchor(child, carried, anchors);
  const [issuer] = path ?? [];
  if (!path || !issuer) return { ok: false, reason: 'untrusted-root' };
  const checks: SignatureCheck[] = [];
  for (const [below, above] of path.entries()) {
    const lower = path[below - 1] ?? child;
    const broken = link(lower, above, below, at);
    if (broken) return { ok: false, reason: broken };
    const check = checkUnder(above, lower);
    if (!check) return { ok: false, reason: 'algorithm' };
    checks.push(check);
  }
  return { ok: true, checks, issuer };
}

function isWhole(list: readonly (Certificate | null)[]): list is Certificate[] {
  return list.every((one) => one !== null);
}

/** The carried issuers up to the first that is an anchor itself; else the anchor that the last one names. Two at most; null without anchor. */
function upToAnchor(
  child: Signed,
  carried: readonly Certificate[],
  anchors: readonly Certificate[],
): Certificate[] | null {
  const reached = carried.findIndex((one) => anchors.some((anchor) => equal(anchor.der, one.der)));
  if (reached >= 0) return reached < MAX_ISSUERS ? carried.slice(0, reached + 1) : null;
  const last = carried.at(-1) ?? child;
  const anchor = anchors.find(
    (one) => one.subjectKeyId && last.authorityKeyId && equal(one.subjectKeyId, last.authorityKeyId),
  );
  return anchor && carried.length < MAX_ISSUERS ? [...carried, anchor] : null;
}
