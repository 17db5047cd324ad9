/**
 * The only importer of @peculiar/x509: it encodes names, extensions, certificates and revocation lists. It never holds a key: it is
 * handed a stand-in whose signature is a placeholder, and gives back the bytes that a Signer has to sign.
 */
import 'reflect-metadata';
import {
  AuthorityInfoAccessExtension,
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  CRLDistributionPointsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
  X509CrlReason,
} from '@peculiar/x509';
import { derUnsigned } from '../bytes/der-write.ts';
import { hex } from '../bytes/hex.ts';
import { u32 } from '../bytes/join.ts';
import { readDer, sequence } from '../bytes/der.ts';
import type { SignatureAlgorithm } from './signer.ts';

export { X509CrlReason };

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
  readonly entries: readonly { readonly serial: string; readonly at: number; readonly reason: X509CrlReason }[];
  readonly signatureAlgorithm: SignatureAlgorithm;
}

const ALGORITHMS = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  ES384: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
} as const;

/** DER of a name with one common name. */
export function commonName(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Name([{ CN: [{ utf8String: text }] }]).toArrayBuffer());
}

/** The TBSCertificate of a template, DER. */
export async function certificateBody(template: Template): Promise<Uint8Array<ArrayBuffer>> {
  const subject = commonName(template.subject);
  const encoded = await X509CertificateGenerator.create(
    {
      serialNumber: hex(template.serial),
      subject: new Name(subject),
      issuer: new Name(buffer(template.issuer ?? subject)),
      notBefore: new Date(template.notBefore),
      notAfter: new Date(template.notAfter),
      publicKey: buffer(template.key),
      extensions: extensionsOf(template),
      signingAlgorithm: ALGORITHMS[template.signatureAlgorithm],
      signature: placeholder(template.signatureAlgorithm),
    },
    crypto,
  );
  return bodyOf(new Uint8Array(encoded.rawData));
}

function extensionsOf(template: Template): Extension[] {
  const { authority, extendedKeyUsage, uri, crl, issuers, own } = template;
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the library's enumeration is a set of bits
  const usage: KeyUsageFlags = authority
    ? KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign
    : KeyUsageFlags.digitalSignature;
  return [
    ...(authority ? [new BasicConstraintsExtension(true, authority.pathLength, true)] : []),
    new KeyUsagesExtension(usage, true),
    ...(extendedKeyUsage ? [new ExtendedKeyUsageExtension([...extendedKeyUsage], false)] : []),
    ...(uri === undefined ? [] : [new SubjectAlternativeNameExtension([{ type: 'url', value: uri }], false)]),
    new SubjectKeyIdentifierExtension(hex(template.keyId), false),
    new AuthorityKeyIdentifierExtension(hex(template.issuerKeyId), false),
    ...(crl === undefined ? [] : [new CRLDistributionPointsExtension([crl], false)]),
    ...(issuers === undefined ? [] : [new AuthorityInfoAccessExtension({ caIssuers: issuers }, false)]),
    ...(own ? [new Extension(own.oid, false, buffer(own.value))] : []),
  ];
}

const CRL_NUMBER = '2.5.29.20';

/** The TBSCertList of a template, DER. */
export async function revocationBody(template: RevocationTemplate): Promise<Uint8Array<ArrayBuffer>> {
  const algorithm = ALGORITHMS[template.signatureAlgorithm];
  const encoded = await X509CrlGenerator.create(
    {
      issuer: new Name(buffer(template.issuer)),
      thisUpdate: new Date(template.thisUpdate),
      nextUpdate: new Date(template.nextUpdate),
      entries: template.entries.map(({ serial, at, reason }) => ({
        serialNumber: serial.padStart(serial.length + (serial.length % 2), '0'),
        revocationDate: new Date(at),
        reason,
      })),
      extensions: [
        new AuthorityKeyIdentifierExtension(hex(template.issuerKeyId), false),
        new Extension(CRL_NUMBER, false, buffer(derUnsigned(u32(template.number)))),
      ],
      signingAlgorithm: algorithm,
      signingKey: { type: 'private', extractable: false, usages: ['sign'], algorithm },
    },
    { subtle: { sign: () => Promise.resolve(placeholder(template.signatureAlgorithm)) } } as unknown as Crypto,
  );
  return bodyOf(new Uint8Array(encoded.rawData));
}

/** r = s = 1: the shape of a signature and nobody's. */
function placeholder(algorithm: SignatureAlgorithm): ArrayBuffer {
  const half = algorithm === 'ES256' ? 32 : 48;
  const raw = new Uint8Array(2 * half);
  raw[half - 1] = 1;
  raw[2 * half - 1] = 1;
  return raw.buffer;
}

function bodyOf(encoded: Uint8Array): Uint8Array<ArrayBuffer> {
  return sequence(readDer(encoded, { size: 32 * 1024 * 1024, depth: 24 }))![0]!.bytes.slice();
}

function buffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer;
}
