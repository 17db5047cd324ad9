/** Where a chain ends: at an anchor that it contains, or at one that issued it, perhaps through intermediates left out. */
import { equal } from '../../bytes/join.ts';
import type { Anchor } from '../trust/store.ts';
import { type Certificate, inDate } from './certificate.ts';
import { type Path, type PathReason, untrusted, type Violation } from './profile.ts';
import { type Ended, MAX_CHAIN, type PathQuery } from './query.ts';
import { verifySignature } from './signature.ts';

/** Signatures tried while looking for what was left out. */
const MAX_TRIES = 16;

/** The path and its anchor; or why there is none, with the anchor that only an algorithm kept apart. */
export async function findEnd(query: PathQuery): Promise<Ended | Lost> {
  return endOf(query) ?? climb(query);
}

type Lost = Violation & { readonly anchor: Anchor | null };

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

/** The path when the anchor was omitted, and perhaps intermediates too: depth first, over names, confirmed by signatures. */
async function climb(query: PathQuery): Promise<Ended | Lost> {
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
