/** Certificate revocation lists (RFC 5280 §5), as our CA writes them: complete, direct, one issuer. */
import { EXTENSION } from '../attestation/path/certificate.ts';
import { readName } from '../attestation/path/name.ts';
import { signatureAlgorithm } from '../attestation/path/public-key.ts';
import {
  type Der,
  boolean,
  enumerated,
  explicit,
  isContext,
  isUniversal,
  octetString,
  oid,
  readDer,
  sequence,
  smallInteger,
  TAG,
  time,
  unsignedInteger,
  wholeBits,
} from '../bytes/der.ts';
import { hex } from '../bytes/hex.ts';
import { equal } from '../bytes/join.ts';
import type { Plan, SignatureCheck } from '../directory/signature.ts';
import { type PathReason, type Signed, wayToRoot } from './path.ts';

export interface RevocationList {
  /** DER of the issuer's name. */
  readonly issuer: Uint8Array;
  /** Key identifier of the issuer. */
  readonly issuerKeyId: Uint8Array;
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** By serial, lowercase hexadecimal without leading zeros. */
  readonly revoked: ReadonlyMap<string, { readonly at: number; readonly reason: number }>;
}

const LIMITS = { size: 16 * 1024 * 1024, depth: 12 };
const CRL_NUMBER = '2.5.29.20';
const REASON_CODE = '2.5.29.21';

interface Parsed {
  readonly list: RevocationList;
  readonly signed: Signed;
}

/**
 * Plans the acceptance of a list signed by an issuer on a path to a pinned root. A list with an extension that we do not know, or of
 * another form, is refused: half-understood revocation is none.
 */
export function acceptRevocationList(
  der: Uint8Array,
  issuers: readonly Uint8Array[],
  roots: readonly Uint8Array[],
  now: number,
): Plan<RevocationList, 'signature-invalid'> | { ok: false; reason: PathReason } {
  const parsed = readList(der);
  if (!parsed) return { ok: false, reason: 'malformed' };
  const { list, signed } = parsed;
  const way = wayToRoot(signed, issuers, roots, now);
  if (!way.ok) return way;
  if (!way.issuer.keyUsage?.has('cRLSign')) return { ok: false, reason: 'not-a-ca' };
  if (list.thisUpdate > now + SKEW) return { ok: false, reason: 'not-yet-valid' };
  const checks: readonly SignatureCheck[] = way.checks;
  return {
    ok: true,
    checks,
    conclude: (holds) => (checks.every(holds) ? { ok: true, value: list } : { ok: false, reason: 'signature-invalid' }),
  };
}

const SKEW = 5 * 60_000;

/** CertificateList (§5.1). */
function readList(der: Uint8Array): Parsed | null {
  const [tbs, outer, bits, ...rest] = sequence(readDer(der, LIMITS)) ?? [];
  const algorithm = signatureAlgorithm(outer);
  const signature = wholeBits(bits);
  const list = readBody(tbs, outer);
  if (!tbs || !algorithm || !signature || rest.length > 0 || !list) return null;
  const issuer = { der: list.issuer };
  return {
    list,
    signed: { tbs: tbs.bytes, signature, signatureAlgorithm: algorithm, issuer, authorityKeyId: list.issuerKeyId },
  };
}

/** TBSCertList (§5.1.2): version 2, nextUpdate and the two extensions we write are required. */
function readBody(tbs: Der | undefined, outer: Der | undefined): RevocationList | null {
  const [version, algorithm, from, current, following, ...tail] = sequence(tbs) ?? [];
  const issuer = readName(from);
  const thisUpdate = time(current);
  const nextUpdate = time(following);
  if (smallInteger(version) !== 1 || !algorithm || !outer || !equal(algorithm.bytes, outer.bytes)) return null;
  if (!issuer || thisUpdate === null || nextUpdate === null) return null;
  const entries = isUniversal(tail[0], TAG.sequence) ? tail.shift() : undefined;
  const extensions = isContext(tail[0], 0) ? readExtensions(explicit(tail[0])) : null;
  const revoked = readEntries(entries);
  if (tail.length !== 1 || !extensions || !revoked || extensions.size !== 2) return null;
  const number = smallInteger(readDer(extensions.get(CRL_NUMBER) ?? new Uint8Array()) ?? undefined);
  const [keyId] = sequence(readDer(extensions.get(EXTENSION.authorityKeyId) ?? new Uint8Array())) ?? [];
  if (number === null || !isContext(keyId, 0)) return null;
  return { issuer: issuer.der, issuerKeyId: keyId.content, number, thisUpdate, nextUpdate, revoked };
}

function readEntries(list: Der | undefined): RevocationList['revoked'] | null {
  const revoked = new Map<string, { at: number; reason: number }>();
  for (const entry of list?.children ?? []) {
    const [serialNumber, date, extensions, ...rest] = sequence(entry) ?? [];
    const serial = unsignedInteger(serialNumber);
    const at = time(date);
    const known = extensions ? readExtensions(extensions) : new Map<string, Uint8Array>();
    if (!serial || at === null || !known || rest.length > 0) return null;
    const code = known.get(REASON_CODE);
    if (known.size !== (code ? 1 : 0)) return null;
    const reason = code ? enumerated(readDer(code) ?? undefined) : 0;
    if (reason === null) return null;
    revoked.set(hex(serial).replace(/^0+(?=.)/, ''), { at, reason });
  }
  return revoked;
}

/** Values by identifier, critical or not: the callers know every one of them or refuse. */
function readExtensions(value: Der | null): Map<string, Uint8Array> | null {
  const found = new Map<string, Uint8Array>();
  for (const entry of sequence(value) ?? []) {
    const fields = sequence(entry) ?? [];
    const flagged = isUniversal(fields[1], TAG.boolean);
    const id = oid(fields[0]);
    const content = octetString(fields[flagged ? 2 : 1]);
    if (!id || !content || found.has(id) || (flagged && boolean(fields[1]) === null)) return null;
    found.set(id, content);
  }
  return found;
}
