/** X.509 certificates (RFC 5280 §4.1, §4.2) read from DER: what they say, with no judgement of it. */
import {
  type Der,
  explicit,
  isContext,
  readDer,
  sequence,
  smallInteger,
  time,
  unsignedInteger,
  wholeBits,
} from '../../bytes/der.ts';
import { hex } from '../../bytes/hex.ts';
import { equal } from '../../bytes/join.ts';
import { type Extension, type KnownExtensions, readExtensions, readKnown } from './extensions.ts';
import { type Name, readName } from './name.ts';
import { type PublicKey, publicKey, type SignatureAlgorithm, signatureAlgorithm } from './public-key.ts';

export { EXTENSION } from './extensions.ts';

/** Byte fields are views of `der`. An extension that is absent is null; one that is malformed makes the certificate unreadable. */
export interface Certificate extends KnownExtensions {
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
}

/** Largest certificate that is read, in bytes; one for an ML-DSA-87 key, signed with another, has about half of it. */
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

/** Whether `now` (milliseconds since 1970) is within the validity. */
export function inDate({ notBefore, notAfter }: Certificate, now: number): boolean {
  return notBefore <= now && now <= notAfter;
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
