import * as v from 'valibot';
import { type Certificate, EXTENSION, readCertificate } from '../attestation/path/certificate.ts';
import { attributeValues } from '../attestation/path/name.ts';
import { isP256Spki } from '../directory/signature.ts';
import { AccountId, DeviceId, OID_ASSURANCE, OID_CALL_SIGNING, SAN_SCHEME } from '../protocol/identity.ts';
import { type AssuranceStatement, readAssurance } from './assurance.ts';

/** What an identity certificate says, once it has the form of profile `call` or `device`. Nothing is verified yet. */
export interface IdentityCertificate {
  readonly certificate: Certificate;
  /** `call` names an account and may sign calls; `device` names only the device. */
  readonly profile: 'call' | 'device';
  readonly account: string | null;
  readonly device: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly key: Uint8Array<ArrayBuffer>;
  readonly assurance: AssuranceStatement;
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const AUTHORITY_INFO_ACCESS = '1.3.6.1.5.5.7.1.1';
const COMMON_NAME = '2.5.4.3';
/** The grammar is closed: an extension beyond these, or one that is critical when it should not be, is refused. */
const CRITICAL: ReadonlyMap<string, boolean> = new Map([
  [EXTENSION.keyUsage, true],
  [EXTENSION.extendedKeyUsage, false],
  [EXTENSION.subjectAltName, false],
  [EXTENSION.subjectKeyId, false],
  [EXTENSION.authorityKeyId, false],
  [EXTENSION.crlDistributionPoints, false],
  [AUTHORITY_INFO_ACCESS, false],
  [OID_ASSURANCE, false],
]);

/** Reads a leaf of ours; null when it is not exactly of that form (docs/protocol/identity.md §1). */
export function readIdentity(der: Uint8Array): IdentityCertificate | null {
  const certificate = readCertificate(der);
  if (!certificate || certificate.version !== 3 || !closed(certificate)) return null;
  const assuranceDer = certificate.extensions.get(OID_ASSURANCE)?.value;
  const assurance = assuranceDer === undefined ? null : readAssurance(assuranceDer);
  const names = readNames(certificate);
  const profile = usage(certificate);
  if (!assurance || !names || !profile || (profile === 'call') !== (names.account !== null)) return null;
  if (!isP256Spki(certificate.spki) || certificate.basicConstraints !== null) return null;
  return { certificate, profile, ...names, key: certificate.spki.slice(), assurance };
}

function closed({ extensions }: Certificate): boolean {
  return [...extensions.values()].every((extension) => CRITICAL.get(extension.oid) === extension.critical);
}

/** Subject CN = device; SAN = one URI, `callsign:<account>/<device>` or `callsign:/<device>` without account. */
function readNames({ subject, subjectAltName }: Certificate): { account: string | null; device: string } | null {
  const [name, ...otherNames] = subject.attributes;
  const [uri, ...otherUris] = subjectAltName ?? [];
  if (!name || otherNames.length > 0 || otherUris.length > 0 || uri?.kind !== 'uri') return null;
  const [device] = attributeValues(subject, COMMON_NAME);
  if (!uri.text.startsWith(SAN_SCHEME)) return null;
  const [account, named, ...more] = uri.text.slice(SAN_SCHEME.length).split('/');
  if (more.length > 0 || named !== device || !v.is(DeviceId, device)) return null;
  if (account === '') return { account: null, device };
  return v.is(AccountId, account) ? { account, device } : null;
}

function usage({ keyUsage, extendedKeyUsage }: Certificate): 'call' | 'device' | null {
  if (keyUsage?.size !== 1 || !keyUsage.has('digitalSignature')) return null;
  const uses = extendedKeyUsage ?? [];
  if (uses.length === 1 && uses[0] === CLIENT_AUTH) return 'device';
  return uses.length === 2 && uses[0] === CLIENT_AUTH && uses[1] === OID_CALL_SIGNING ? 'call' : null;
}
