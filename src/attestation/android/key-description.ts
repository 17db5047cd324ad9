/**
 * KeyDescription, the record that Android's secure hardware signs about a key (source.android.com, "Key and ID
 * attestation", schema for attestation versions 1, 2, 3, 4, 100, 200, 300, 400 and later: fields were only ever added).
 * Extension 1.3.6.1.4.1.11129.2.1.17 of the leaf certificate.
 */
import {
  boolean,
  type Der,
  enumerated,
  explicit,
  integer,
  isNull,
  octetString,
  readDer,
  sequence,
  set,
  smallInteger,
} from '../../bytes/der.ts';
import { hex } from '../../bytes/hex.ts';
import { fromUtf8 } from '../../bytes/utf8.ts';

export type SecurityLevel = 'software' | 'tee' | 'strongbox';
export type BootState = 'verified' | 'self-signed' | 'unverified' | 'failed';
export type Origin = 'generated' | 'derived' | 'imported' | 'reserved' | 'securely-imported';

export interface KeyDescription {
  readonly attestationVersion: number;
  /** Where the record was made. */
  readonly attestationSecurityLevel: SecurityLevel;
  /** Keymaster or KeyMint version. */
  readonly keyMintVersion: number;
  /** Where the key lives. */
  readonly keyMintSecurityLevel: SecurityLevel;
  readonly challenge: Uint8Array;
  readonly uniqueId: Uint8Array;
  /** What Android's system server says: worth what a booted, verified system is worth. */
  readonly softwareEnforced: AuthorizationList;
  /** What the secure hardware itself enforces. */
  readonly hardwareEnforced: AuthorizationList;
}

/** An absent field is null. Device identifiers are not decoded: they stay in `tags`, and out of every verdict. */
export interface AuthorizationList {
  /** Every field as it came, by tag number, known to us or not: the DER inside the explicit tag. */
  readonly tags: ReadonlyMap<number, Uint8Array>;
  /** KeyMint KeyPurpose: 2 is SIGN, 3 is VERIFY, 7 is ATTEST_KEY. */
  readonly purposes: ReadonlySet<number> | null;
  readonly algorithm: number | null;
  /** Bits. */
  readonly keySize: number | null;
  readonly digests: ReadonlySet<number> | null;
  readonly noAuthRequired: boolean;
  readonly userAuthType: number | null;
  readonly allApplications: boolean;
  /** Milliseconds since 1970, by the device's clock. */
  readonly creationTime: number | null;
  readonly origin: Origin | null;
  readonly rootOfTrust: RootOfTrust | null;
  readonly osVersion: number | null;
  /** YYYYMM, as the two that follow, which may also be YYYYMMDD. */
  readonly osPatchLevel: number | null;
  readonly vendorPatchLevel: number | null;
  readonly bootPatchLevel: number | null;
  readonly applicationId: ApplicationId | null;
}

export interface RootOfTrust {
  readonly verifiedBootKey: Uint8Array;
  readonly deviceLocked: boolean;
  readonly verifiedBootState: BootState;
  /** Since attestation version 3. */
  readonly verifiedBootHash: Uint8Array | null;
}

export interface ApplicationId {
  readonly packages: readonly { readonly name: string; readonly version: bigint }[];
  /** SHA-256 of the signing certificates, lowercase hex. */
  readonly digests: readonly string[];
}

const LEVELS: readonly SecurityLevel[] = ['software', 'tee', 'strongbox'];
const BOOT_STATES: readonly BootState[] = ['verified', 'self-signed', 'unverified', 'failed'];
const ORIGINS: readonly Origin[] = ['generated', 'derived', 'imported', 'reserved', 'securely-imported'];

/** The extension's value; null is malformed. */
export function readKeyDescription(extension: Uint8Array): KeyDescription | null {
  const fields = sequence(readDer(extension));
  if (fields === null || fields.length !== 8) return null;
  const read = {
    attestationVersion: smallInteger(fields[0]),
    attestationSecurityLevel: named(LEVELS, enumerated(fields[1])),
    keyMintVersion: smallInteger(fields[2]),
    keyMintSecurityLevel: named(LEVELS, enumerated(fields[3])),
    challenge: octetString(fields[4]),
    uniqueId: octetString(fields[5]),
    softwareEnforced: authorizationList(fields[6]),
    hardwareEnforced: authorizationList(fields[7]),
  };
  return complete(read);
}

function named<T>(names: readonly T[], index: number | null): T | null {
  return index === null ? null : (names[index] ?? null);
}

/** The record when no field of it is null. */
function complete<T extends object>(record: { readonly [K in keyof T]: T[K] | null }): T | null {
  return Object.values(record).includes(null) ? null : (record as T);
}

/** Fields in ascending order of their tags, each explicit and once; one of a wrong type makes the list malformed. */
function authorizationList(value: Der | undefined): AuthorizationList | null {
  const fields = sequence(value);
  if (fields === null) return null;
  const found = new Map<number, Der>();
  let previous = 0;
  for (const field of fields) {
    const inner = explicit(field);
    if (field.class !== 'context' || field.tag <= previous || inner === null) return null;
    previous = field.tag;
    found.set(field.tag, inner);
  }
  return typed(found);
}

function typed(found: ReadonlyMap<number, Der>): AuthorizationList | null {
  let sound = true;
  const read = <T>(tag: number, reader: (value: Der) => T | null): T | null => {
    const value = found.get(tag);
    const field = value === undefined ? null : reader(value);
    sound &&= value === undefined || field !== null;
    return field;
  };
  const flag = (tag: number) => read(tag, (value) => isNull(value) || null) === true;
  const list: AuthorizationList = {
    tags: new Map([...found].map(([tag, value]) => [tag, value.bytes])),
    purposes: read(1, integers),
    algorithm: read(2, smallInteger),
    keySize: read(3, smallInteger),
    digests: read(5, integers),
    noAuthRequired: flag(503),
    userAuthType: read(504, smallInteger),
    allApplications: flag(600),
    creationTime: read(701, smallInteger),
    origin: read(702, (value) => named(ORIGINS, smallInteger(value))),
    rootOfTrust: read(704, rootOfTrust),
    osVersion: read(705, smallInteger),
    osPatchLevel: read(706, smallInteger),
    vendorPatchLevel: read(718, smallInteger),
    bootPatchLevel: read(719, smallInteger),
    applicationId: read(709, applicationId),
  };
  return sound ? list : null;
}

function integers(value: Der): ReadonlySet<number> | null {
  const members = set(value)?.map(smallInteger) ?? null;
  return members !== null && members.every((member) => member !== null) ? new Set(members) : null;
}

function rootOfTrust(value: Der): RootOfTrust | null {
  const fields = sequence(value) ?? [];
  if (fields.length !== 3 && fields.length !== 4) return null;
  const required = complete<Omit<RootOfTrust, 'verifiedBootHash'>>({
    verifiedBootKey: octetString(fields[0]),
    deviceLocked: boolean(fields[1]),
    verifiedBootState: named(BOOT_STATES, enumerated(fields[2])),
  });
  const verifiedBootHash = octetString(fields[3]);
  const sound = required !== null && (fields.length === 3 || verifiedBootHash !== null);
  return sound ? { ...required, verifiedBootHash } : null;
}

/** AttestationApplicationId: DER inside an OCTET STRING, written by the system server. */
function applicationId(value: Der): ApplicationId | null {
  const content = octetString(value);
  const [packages, digests, ...rest] = content === null ? [] : (sequence(readDer(content)) ?? []);
  const names = set(packages)?.map(packageInfo) ?? null;
  const hashes = set(digests)?.map(octetString) ?? null;
  if (names === null || hashes === null || rest.length > 0) return null;
  if (!names.every((one) => one !== null) || !hashes.every((one) => one !== null)) return null;
  return { packages: names, digests: hashes.map(hex) };
}

function packageInfo(value: Der): ApplicationId['packages'][number] | null {
  const [name, version, ...rest] = sequence(value) ?? [];
  const bytes = octetString(name);
  const text = bytes === null ? null : fromUtf8(bytes);
  const number = integer(version);
  return text === null || number === null || rest.length > 0 ? null : { name: text, version: number };
}
