/** The path validator: RFC 5280 §6.1 for a given chain, with one profile's exceptions and additions. Never throws. */
import { equal } from '../../bytes/join.ts';
import type { Anchor } from '../trust/store.ts';
import { type Certificate, EXTENSION } from './certificate.ts';
import { invalid, type Path, type PathReason, type Profile, type Violation } from './profile.ts';
import { verifySignature } from './signature.ts';
import { weakness } from './weak-key.ts';

export interface PathQuery {
  /** Leaf first, each certificate issued by the next; the anchor may be there or not. */
  readonly chain: readonly Certificate[];
  /** Matched by subject and public key, never by the certificate's bytes. Empty trusts nothing. */
  readonly anchors: readonly Anchor[];
  /** Certificates that evidence may omit; trusted for nothing by themselves. */
  readonly intermediates?: readonly Certificate[];
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly profile: Profile;
}

export type PathResult =
  | { readonly ok: true; readonly anchor: Anchor; readonly path: Path }
  /** `anchor` is where the chain would end, when that much was found: its class may be the better reason. */
  | ({ readonly ok: false; readonly anchor: Anchor | null } & Violation);

export const MAX_CHAIN = 10;
/** Signatures tried while looking for omitted intermediates. */
const MAX_TRIES = 16;

const RFC = 'RFC 5280 §6.1';

export async function validatePath(query: PathQuery): Promise<PathResult> {
  const shape = checkShape(query);
  if (shape !== null) return { ok: false, anchor: null, ...shape };
  const found = endOf(query) ?? (await climb(query));
  if (!('path' in found)) return { ok: false, ...found };
  const { path, anchor } = found;
  const violation = (await checkPath(found, query)) ?? query.profile.rules(path, anchor, query.chain);
  return violation === null ? { ok: true, anchor, path } : { ok: false, anchor, ...violation };
}

function checkShape({ chain, anchors }: PathQuery): Violation | null {
  if (chain.length === 0 || chain.length > MAX_CHAIN) {
    return { ...invalid(null, 'path.length', RFC, `${chain.length} certificates`), reason: 'malformed' };
  }
  if (anchors.length === 0) return untrusted('path.anchors', 'no anchor is configured for this format');
  for (let i = 1; i < chain.length; i++) {
    if (!equal(chain[i - 1]!.issuer.der, chain[i]!.subject.der)) {
      return invalid(i - 1, 'path.names', `${RFC}.3 (a)(4)`, 'the issuer is not the subject of the next certificate');
    }
    if (chain.slice(0, i).some((earlier) => equal(earlier.der, chain[i]!.der))) {
      return invalid(i, 'path.repeated', `${RFC}.1`, 'a certificate appears twice');
    }
  }
  return null;
}

function untrusted(rule: string, detail: string): Violation {
  return { reason: 'untrusted-root', certificate: null, rule, spec: RFC, detail };
}

interface Ended {
  readonly path: Path;
  readonly anchor: Anchor;
  /** From this certificate up, signatures were verified while the path was found. */
  readonly verifiedFrom: number;
}

/** The path when the chain itself reaches an anchor: what comes after that is not part of it. */
function endOf({ chain, anchors, profile, now }: PathQuery): Ended | null {
  for (const [i, certificate] of chain.entries()) {
    const matches = anchors.filter((anchor) =>
      i === 0 ? profile.leafMayBeAnchor && sameBytes(anchor, certificate) : sameAuthority(anchor, certificate),
    );
    const anchor = matches.find((match) => sameBytes(match, certificate)) ?? best(matches, now);
    if (anchor !== undefined) return { path: chain.slice(0, i), anchor, verifiedFrom: i };
  }
  return null;
}

function sameBytes(anchor: Anchor, certificate: Certificate): boolean {
  return equal(anchor.certificate.der, certificate.der);
}

function sameAuthority(anchor: Anchor, certificate: Certificate): boolean {
  return (
    equal(anchor.certificate.subject.der, certificate.subject.der) && equal(anchor.certificate.spki, certificate.spki)
  );
}

/** Of several certificates of one authority, one that is in date. */
function best(anchors: readonly Anchor[], now: number): Anchor | undefined {
  return anchors.find((anchor) => inDate(anchor.certificate, now)) ?? anchors[0];
}

function inDate(certificate: Certificate, now: number): boolean {
  return certificate.notBefore <= now && now <= certificate.notAfter;
}

/** The path when the anchor was omitted, and perhaps intermediates too: depth first, over names, confirmed by signatures. */
async function climb(query: PathQuery): Promise<Ended | (Violation & { readonly anchor: Anchor | null })> {
  let tries = 0;
  let refusal: PathReason = 'untrusted-root';
  /** By its name only: where the chain says it ends, when the signature is of a kind that is not checked. */
  let named: Anchor | null = null;
  const issued = async (child: Certificate, issuer: Certificate): Promise<boolean> => {
    if (!equal(child.issuer.der, issuer.subject.der) || tries >= MAX_TRIES) return false;
    tries++;
    const result = await verifySignature(child.signatureAlgorithm, issuer.key, child.tbs, child.signature);
    if (!result.ok && result.reason !== 'signature-invalid') refusal = result.reason;
    return result.ok;
  };
  const from = async (path: Path): Promise<Ended | null> => {
    const top = path[path.length - 1]!;
    for (const anchor of query.anchors) {
      if (await issued(top, anchor.certificate)) {
        const same = query.anchors.filter((other) => sameAuthority(other, anchor.certificate));
        return { path, anchor: best(same, query.now)!, verifiedFrom: query.chain.length - 1 };
      }
      if (refusal !== 'untrusted-root' && equal(top.issuer.der, anchor.certificate.subject.der)) named = anchor;
    }
    if (path.length === MAX_CHAIN) return null;
    for (const next of query.intermediates ?? []) {
      if (path.some((certificate) => equal(certificate.der, next.der)) || !(await issued(top, next))) continue;
      const end = await from([...path, next]);
      if (end !== null) return end;
    }
    return null;
  };
  return (
    (await from(query.chain)) ?? {
      ...untrusted('path.anchor', 'the chain ends at no configured anchor'),
      reason: refusal,
      anchor: named,
    }
  );
}

/** Every certificate with its issuer, from the anchor down to the leaf. */
async function checkPath(
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
