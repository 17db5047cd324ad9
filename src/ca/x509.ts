/** The bodies of certificates (RFC 5280 §4.1.2) and revocation lists (§5.1.2), DER: what a Signer then signs. */
import {
  type DerBytes,
  derEnumerated,
  derExplicit,
  derOctets,
  derOid,
  derSequence,
  derSet,
  derTime,
  derTrue,
  derUnsigned,
  derUtf8,
  derValue,
} from '../bytes/der-write.ts';
import { fromHex } from '../bytes/hex.ts';
import { concat, u32 } from '../bytes/join.ts';
import { utf8 } from '../bytes/utf8.ts';
import type { SignatureAlgorithm } from './signer.ts';

/** A certificate before its signature. */
export interface Template {
  /** Positive, big-endian. */
  readonly serial: Uint8Array;
  readonly subject: string;
  /** DER of the issuer's name; null makes it the subject's own (a root). */
  readonly issuer: Uint8Array | null;
  /** Milliseconds since 1970, whole seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SubjectPublicKeyInfo, DER. */
  readonly key: Uint8Array;
  readonly keyId: Uint8Array;
  readonly issuerKeyId: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly authority?: { readonly pathLength: number };
  readonly extendedKeyUsage?: readonly string[];
  readonly uri?: string;
  readonly crl?: string;
  readonly issuers?: string;
  /** Non-critical extension of ours. */
  readonly own?: { readonly oid: string; readonly value: Uint8Array };
}

export interface RevocationTemplate {
  readonly issuer: Uint8Array;
  readonly issuerKeyId: Uint8Array;
  readonly number: number;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** `serial`: lowercase hexadecimal; `reason`: a CRLReason (RFC 5280 §5.3.1). */
  readonly entries: readonly { readonly serial: string; readonly at: number; readonly reason: number }[];
  readonly signatureAlgorithm: SignatureAlgorithm;
}

const ECDSA: Readonly<Record<SignatureAlgorithm, string>> = {
  ES256: '1.2.840.10045.4.3.2',
  ES384: '1.2.840.10045.4.3.3',
};

/** AlgorithmIdentifier of ECDSA with SHA-256 or SHA-384 (RFC 5758 §3.2): no parameters. */
export function algorithmIdentifier(algorithm: SignatureAlgorithm): DerBytes {
  return derSequence(derOid(ECDSA[algorithm]));
}

/** A name with one common name. */
export function commonName(text: string): DerBytes {
  return derSequence(derSet(derSequence(derOid('2.5.4.3'), derUtf8(text))));
}

/** TBSCertificate. */
export function certificateBody(template: Template): DerBytes {
  const subject = commonName(template.subject);
  return derSequence(
    derExplicit(0, derUnsigned(Uint8Array.of(2))),
    derUnsigned(template.serial),
    algorithmIdentifier(template.signatureAlgorithm),
    template.issuer ?? subject,
    derSequence(derTime(template.notBefore), derTime(template.notAfter)),
    subject,
    template.key,
    derExplicit(3, derSequence(...extensionsOf(template))),
  );
}

/** KeyUsage (§4.2.1.3): the last byte's unused bits, then the bits. */
const DIGITAL_SIGNATURE = derValue(0x03, Uint8Array.of(7, 0x80));
const CERT_AND_CRL_SIGN = derValue(0x03, Uint8Array.of(1, 0x06));

function extensionsOf(template: Template): DerBytes[] {
  const { authority, extendedKeyUsage, uri, crl, issuers, own } = template;
  return [
    ...(authority ? [extension('2.5.29.19', constraints(authority.pathLength), true)] : []),
    extension('2.5.29.15', authority ? CERT_AND_CRL_SIGN : DIGITAL_SIGNATURE, true),
    ...(extendedKeyUsage ? [extension('2.5.29.37', derSequence(...extendedKeyUsage.map(derOid)))] : []),
    ...(uri === undefined ? [] : [extension('2.5.29.17', derSequence(uriName(uri)))]),
    extension('2.5.29.14', derOctets(template.keyId)),
    extension('2.5.29.35', authorityKeyId(template.issuerKeyId)),
    ...(crl === undefined ? [] : [extension('2.5.29.31', distributionPoint(crl))]),
    ...(issuers === undefined ? [] : [extension('1.3.6.1.5.5.7.1.1', issuersAccess(issuers))]),
    ...(own ? [extension(own.oid, own.value)] : []),
  ];
}

function extension(id: string, value: Uint8Array, critical = false): DerBytes {
  return derSequence(derOid(id), ...(critical ? [derTrue()] : []), derOctets(value));
}

/** §4.2.1.9. */
function constraints(pathLength: number): DerBytes {
  return derSequence(derTrue(), derUnsigned(Uint8Array.of(pathLength)));
}

/** GeneralName [6] uniformResourceIdentifier (§4.2.1.6), ASCII. */
function uriName(uri: string): DerBytes {
  return derValue(0x86, utf8(uri));
}

/** §4.2.1.1: keyIdentifier [0]. */
function authorityKeyId(id: Uint8Array): DerBytes {
  return derSequence(derValue(0x80, id));
}

/** §4.2.1.13: one point, distributionPoint [0] { fullName [0] }. */
function distributionPoint(uri: string): DerBytes {
  return derSequence(derSequence(derExplicit(0, derExplicit(0, uriName(uri)))));
}

/** §4.2.2.1: caIssuers. */
function issuersAccess(uri: string): DerBytes {
  return derSequence(derSequence(derOid('1.3.6.1.5.5.7.48.2'), uriName(uri)));
}

/** TBSCertList, version 2, with authority key identifier and number. */
export function revocationBody(template: RevocationTemplate): DerBytes {
  const entries = template.entries.map(revokedEntry);
  return derSequence(
    derUnsigned(Uint8Array.of(1)),
    algorithmIdentifier(template.signatureAlgorithm),
    template.issuer,
    derTime(template.thisUpdate),
    derTime(template.nextUpdate),
    ...(entries.length > 0 ? [derSequence(...entries)] : []),
    derExplicit(
      0,
      derSequence(
        extension('2.5.29.35', authorityKeyId(template.issuerKeyId)),
        extension(
          '2.5.29.20',
          derUnsigned(concat(u32(Math.floor(template.number / 2 ** 32)), u32(template.number % 2 ** 32))),
        ),
      ),
    ),
  );
}

function revokedEntry({ serial, at, reason }: RevocationTemplate['entries'][number]): DerBytes {
  const digits = fromHex(serial.padStart(serial.length + (serial.length % 2), '0'));
  if (!digits) throw new TypeError('a serial is lowercase hexadecimal');
  return derSequence(derUnsigned(digits), derTime(at), derSequence(extension('2.5.29.21', derEnumerated(reason))));
}
