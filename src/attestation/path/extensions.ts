/** Extensions of certificates (RFC 5280 §4.2): all of them as they came, and those that path validation reads. */
import {
  bitString,
  boolean,
  type Der,
  isUniversal,
  octetString,
  oid,
  readDer,
  sequence,
  smallInteger,
  TAG,
} from '../../bytes/der.ts';
import { type GeneralName, readGeneralNames } from './name.ts';

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

/** What path validation reads; an extension that is absent is null. */
export interface KnownExtensions {
  readonly basicConstraints: BasicConstraints | null;
  readonly keyUsage: ReadonlySet<KeyUsage> | null;
  readonly extendedKeyUsage: readonly string[] | null;
  readonly subjectAltName: readonly GeneralName[] | null;
  readonly authorityKeyId: Uint8Array | null;
  readonly subjectKeyId: Uint8Array | null;
  readonly policies: readonly string[] | null;
}

/** Extensions; none, or one twice, is malformed (RFC 5280 §4.2). */
export function readExtensions(value: Der | null): ReadonlyMap<string, Extension> | null {
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

/** The extensions that path validation reads; null when one of them is malformed. */
export function readKnown(extensions: ReadonlyMap<string, Extension>): KnownExtensions | null {
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
