/** Certification requests (PKCS#10, RFC 2986): a public key, the proof that its owner asks, and our transcript. Nothing else. */
import { signatureAlgorithm } from '../attestation/path/public-key.ts';
import { rawEcdsa } from '../attestation/path/signature.ts';
import {
  type Der,
  isContext,
  octetString,
  oid,
  readDer,
  sequence,
  set,
  smallInteger,
  wholeBits,
} from '../bytes/der.ts';
import { equal } from '../bytes/join.ts';
import { isP256Spki, type Plan, type SignatureCheck } from '../directory/signature.ts';
import { OID_TRANSCRIPT } from '../protocol/identity.ts';

export type RequestReason =
  | 'csr-malformed'
  | 'csr-key'
  | 'csr-algorithm'
  | 'csr-asks-for-name'
  | 'csr-asks-for-extensions'
  | 'csr-transcript'
  | 'csr-signature';

/** What a verified request contributes. Made by `readRequest` only. */
export interface ProvenKey {
  /** SubjectPublicKeyInfo, DER, P-256. */
  readonly key: Uint8Array<ArrayBuffer>;
}

const LIMITS = { size: 4096, depth: 12 };
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';

/**
 * Plans the verification of a request whose key must be `key` and whose transcript attribute must be `transcript` (32 bytes). Names
 * and extensions are the CA's to decide: a request that asks for any is refused, not trimmed.
 */
export function readRequest(
  der: Uint8Array,
  expected: { readonly key: Uint8Array; readonly transcript: Uint8Array },
): Plan<ProvenKey, RequestReason> | { ok: false; reason: RequestReason } {
  const [info, outer, bits, ...rest] = sequence(readDer(der, LIMITS)) ?? [];
  const signature = wholeBits(bits);
  const body = readInfo(info);
  if (!info || !signature || !body || rest.length > 0) return { ok: false, reason: 'csr-malformed' };
  const { subject, key, attributes } = body;
  if (subject.children.length > 0) return { ok: false, reason: 'csr-asks-for-name' };
  if (attributes.has(EXTENSION_REQUEST)) return { ok: false, reason: 'csr-asks-for-extensions' };
  if (!isP256Spki(key) || !equal(key, expected.key)) return { ok: false, reason: 'csr-key' };
  const transcript = attributes.get(OID_TRANSCRIPT);
  if (attributes.size !== 1 || !transcript || !equal(transcript, expected.transcript)) {
    return { ok: false, reason: 'csr-transcript' };
  }
  const algorithm = signatureAlgorithm(outer);
  if (algorithm?.kind !== 'ecdsa' || algorithm.hash !== 'SHA-256') return { ok: false, reason: 'csr-algorithm' };
  const raw = rawEcdsa(signature, 'P-256');
  if (!raw) return { ok: false, reason: 'csr-signature' };
  const check: SignatureCheck = { algorithm: 'ES256', key, data: info.bytes.slice(), signature: raw.slice() };
  return {
    ok: true,
    checks: [check],
    conclude: (holds) => (holds(check, 0) ? { ok: true, value: { key } } : { ok: false, reason: 'csr-signature' }),
  };
}

/** The key that a request carries, before anything is verified; null when it carries none. */
export function requestKey(der: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const [info] = sequence(readDer(der, LIMITS)) ?? [];
  const key = readInfo(info)?.key ?? null;
  return key && isP256Spki(key) ? key : null;
}

/** CertificationRequestInfo (RFC 2986 §4.1): version 0, subject, key, attributes [0]. */
function readInfo(info: Der | undefined) {
  const [version, subject, spki, attributes, ...rest] = sequence(info) ?? [];
  if (smallInteger(version) !== 0 || !sequence(subject) || !spki || rest.length > 0) return null;
  if (!isContext(attributes, 0)) return null;
  const known = readAttributes(attributes.children);
  return known && { subject: subject!, key: spki.bytes.slice(), attributes: known };
}

/** Attributes by type; a value that is no OCTET STRING counts as empty bytes. One twice, or with several values, is malformed. */
function readAttributes(list: readonly Der[]): Map<string, Uint8Array> | null {
  const known = new Map<string, Uint8Array>();
  for (const attribute of list) {
    const [type, values, ...rest] = sequence(attribute) ?? [];
    const id = oid(type);
    const [value, ...more] = set(values) ?? [];
    if (!id || !value || more.length > 0 || rest.length > 0 || known.has(id)) return null;
    known.set(id, octetString(value) ?? new Uint8Array());
  }
  return known;
}
