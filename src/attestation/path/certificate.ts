/** X.509 certificates (RFC 5280 §4.1, §4.2) read from DER: what they say, with no judgement of it. */
import {
  bitString,
  boolean,
  type Der,
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
} from '../../bytes/der.ts';
import { hex } from '../../bytes/hex.ts';
import { equal } from '../../bytes/join.ts';
import { type GeneralName, type Name, readGeneralNames, readName } from './name.ts';
import { type PublicKey, publicKey, type SignatureAlgorithm, signatureAlgorithm } from './public-key.ts';

export const EXTENSION = {
  subjectDirectoryAttributes: '2.5.29.9',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  policies: '2.5.29.32',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  /** The content of the extension's OCTET STRING: DER of the extension's own type. */
  readonly value: Uint8Array;
}

/** RFC 5280 §4.2.1.3, in bit order. */
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLength: number | null;
}

/** Byte fields are views of `der`. An extension that is absent is null; one that is malformed makes the certificate unreadable. */
export interface Certificate {
  readonly der: Uint8Array;
  /** TBSCertificate: what the issuer signed. */
  readonly tbs: Uint8Array;
  readonly version: 1 | 2 | 3;
  /** Lowercase hexadecimal without leading zeros, '0' for zero: the spelling of the Android status list. */
  readonly serial: string;
  readonly issuer: Name;
  readonly subject: Name;
  /** Milliseconds since 1970; both ends belong to the validity. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly key: PublicKey;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly basicConstraints: BasicConstraints | null;
  readonly keyUsage: ReadonlySet<KeyUsage> | null;
  readonly extendedKeyUsage: readonly string[] | null;
  readonly subjectAltName: readonly GeneralName[] | null;
  readonly authorityKeyId: Uint8Array | null;
  readonly subjectKeyId: Uint8Array | null;
  readonly policies: readonly string[] | null;
}

/** Largest certificate that is read; the largest genuine one seen (ML-DSA-65) has 6 KiB. */
export const MAX_CERTIFICATE = 16_384;

/** The certificate that fills `der`; null when it is not one, or an extension that we read is malformed. */
export function readCertificate(der: Uint8Array): Certificate | null {
  const [tbs, outer, bits, ...rest] = sequence(readDer(der, { size: MAX_CERTIFICATE, depth: 20 })) ?? [];
  const body = readBody(tbs);
  const algorithm = signatureAlgorithm(outer);
  const signature = wholeBits(bits);
  if (tbs === undefined || outer === undefined || body === null || algorithm === null) return null;
  if (signature === null || rest.length > 0 || !equal(body.algorithm, outer.bytes)) return null;
  const known = readKnown(body.fields.extensions);
  if (known === null) return null;
  return { der, tbs: tbs.bytes, signatureAlgorithm: algorithm, signature, ...body.fields, ...known };
}

/** The certificates of a chain, or null when one of them is unreadable. */
export function readCertificates(chain: readonly Uint8Array[]): readonly Certificate[] | null {
  const certificates = chain.map(readCertificate);
  return certificates.every((certificate) => certificate !== null) ? certificates : null;
}

type BodyFields = Pick<
  Certificate,
  'version' | 'serial' | 'issuer' | 'subject' | 'notBefore' | 'notAfter' | 'spki' | 'key' | 'extensions'
>;

/** TBSCertificate, RFC 5280 §4.1.2; `algorithm` is the inner AlgorithmIdentifier, which must be the outer one (§4.1.1.2). */
function readBody(tbs: Der | undefined): { readonly fields: BodyFields; readonly algorithm: Uint8Array } | null {
  const all = sequence(tbs);
  if (all === null) return null;
  const version = readVersion(all[0]);
  if (version === null) return null;
  const [serialNumber, algorithm, from, validity, to, info, ...tail] = isContext(all[0], 0) ? all.slice(1) : all;
  const serial = unsignedInteger(serialNumber);
  const issuer = readName(from);
  const subject = readName(to);
  const [begin, end, ...more] = sequence(validity) ?? [];
  const notBefore = time(begin);
  const notAfter = time(end);
  const key = publicKey(info ?? null);
  const extensions = readTail(tail, version);
  if (serial === null || serial.length > 20 || algorithm === undefined || issuer === null || subject === null)
    return null;
  if (notBefore === null || notAfter === null || more.length > 0) return null;
  if (info === undefined || key === null || extensions === null) return null;
  return {
    fields: {
      version,
      serial: hex(serial).replace(/^0+(?=.)/, ''),
      issuer,
      subject,
      notBefore,
      notAfter,
      spki: info.bytes,
      key,
      extensions,
    },
    algorithm: algorithm.bytes,
  };
}

function readVersion(first: Der | undefined): 1 | 2 | 3 | null {
  if (!isContext(first, 0)) return 1;
  const number = smallInteger(explicit(first) ?? undefined);
  return number === 1 ? 2 : number === 2 ? 3 : null;
}

/** Unique identifiers [1] and [2] are passed over (v2, v3); extensions are [3] (v3 only). */
function readTail(tail: readonly Der[], version: number): ReadonlyMap<string, Extension> | null {
  let previous = 0;
  let extensions: ReadonlyMap<string, Extension> | null = new Map();
  for (const field of tail) {
    if (field.class !== 'context' || field.tag <= previous || field.tag > 3) return null;
    if (version === 1 || (field.tag === 3 && version !== 3)) return null;
    previous = field.tag;
    if (field.tag === 3) extensions = readExtensions(explicit(field));
  }
  return extensions;
}

/** Extensions; none, or one twice, is malformed (RFC 5280 §4.2). */
function readExtensions(value: Der | null): ReadonlyMap<string, Extension> | null {
  const entries = sequence(value);
  if (entries === null || entries.length === 0) return null;
  const extensions = new Map<string, Extension>();
  for (const entry of entries) {
    const fields = sequence(entry) ?? [];
    const flagged = isUniversal(fields[1], TAG.boolean);
    const id = oid(fields[0]);
    const critical = flagged ? boolean(fields[1]) : false;
    const content = octetString(fields[flagged ? 2 : 1]);
    if (id === null || critical === null || content === null || fields.length !== (flagged ? 3 : 2)) return null;
    if (extensions.has(id)) return null;
    extensions.set(id, { oid: id, critical, value: content });
  }
  return extensions;
}

type Known = Pick<
  Certificate,
  | 'basicConstraints'
  | 'keyUsage'
  | 'extendedKeyUsage'
  | 'subjectAltName'
  | 'authorityKeyId'
  | 'subjectKeyId'
  | 'policies'
>;

/** The extensions that path validation reads; null when one of them is malformed. */
function readKnown(extensions: ReadonlyMap<string, Extension>): Known | null {
  let sound = true;
  const read = <T>(id: string, reader: (value: Der) => T | null): T | null => {
    const extension = extensions.get(id);
    if (extension === undefined) return null;
    const der = readDer(extension.value);
    const value = der === null ? null : reader(der);
    sound &&= value !== null;
    return value;
  };
  const known = {
    basicConstraints: read(EXTENSION.basicConstraints, readBasicConstraints),
    keyUsage: read(EXTENSION.keyUsage, readKeyUsage),
    extendedKeyUsage: read(EXTENSION.extendedKeyUsage, (value) => list(value, oid)),
    subjectAltName: read(EXTENSION.subjectAltName, readGeneralNames),
    authorityKeyId: read(EXTENSION.authorityKeyId, readAuthorityKeyId),
    subjectKeyId: read(EXTENSION.subjectKeyId, octetString),
    policies: read(EXTENSION.policies, (value) => list(value, (policy) => oid(sequence(policy)?.[0]))),
  };
  // An authority key identifier that names its issuer otherwise than by key identifier is sound and says nothing to us.
  return sound ? { ...known, authorityKeyId: known.authorityKeyId?.length === 0 ? null : known.authorityKeyId } : null;
}

function list<T>(value: Der, reader: (member: Der) => T | null): readonly T[] | null {
  const members = sequence(value)?.map(reader) ?? [];
  return members.length > 0 && members.every((member) => member !== null) ? members : null;
}

/** RFC 5280 §4.2.1.9; an explicit FALSE is let pass, genuine certificates carry it. */
function readBasicConstraints(value: Der): BasicConstraints | null {
  const fields = sequence(value);
  if (fields === null) return null;
  const flagged = isUniversal(fields[0], TAG.boolean);
  const ca = flagged ? boolean(fields[0]) : false;
  const limit = fields[flagged ? 1 : 0];
  const pathLength = limit === undefined ? null : smallInteger(limit);
  if (ca === null || (limit !== undefined && pathLength === null)) return null;
  return fields.length === Number(flagged) + Number(limit !== undefined) ? { ca, pathLength } : null;
}

function readKeyUsage(value: Der): ReadonlySet<KeyUsage> | null {
  const bits = bitString(value);
  if (bits === null || bits.bytes.length > 2) return null;
  const set = KEY_USAGES.filter((_, i) => ((bits.bytes[i >> 3] ?? 0) & (0x80 >> (i & 7))) !== 0);
  return set.length > 0 ? new Set(set) : null;
}

/** RFC 5280 §4.2.1.1: the key identifier [0], empty when it is absent. */
function readAuthorityKeyId(value: Der): Uint8Array | null {
  const fields = sequence(value);
  if (fields === null || fields.some((field) => field.class !== 'context' || field.tag > 2)) return null;
  const id = fields.find((field) => field.tag === 0);
  return id === undefined ? new Uint8Array() : id.constructed ? null : id.content;
}
