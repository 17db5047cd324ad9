/** CMS SignedData (RFC 5652 §5) with its content and one signer: what Apple's receipts are. */
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import {
  type Der,
  explicit,
  isContext,
  octetString,
  oid,
  readDer,
  sequence,
  set,
  smallInteger,
  unsignedInteger,
} from '../../bytes/der.ts';
import { hex } from '../../bytes/hex.ts';
import { concat, equal } from '../../bytes/join.ts';
import { type Certificate, readCertificates } from '../path/certificate.ts';
import { digest, type Hash, type SignatureAlgorithm, signatureAlgorithm } from '../path/public-key.ts';
import { verifySignature } from '../path/signature.ts';
import { derFromBer } from './ber.ts';

const SIGNED_DATA = '1.2.840.113549.1.7.2';
const DATA = '1.2.840.113549.1.7.1';
const CONTENT_TYPE = '1.2.840.113549.1.9.3';
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';
const MAX_CERTIFICATES = 5;

export interface SignedData {
  readonly content: Uint8Array;
  readonly certificates: readonly Certificate[];
  readonly signer: Signer;
}

interface Signer {
  /** Issuer name (DER) and serial of the signer's certificate. */
  readonly issuer: Uint8Array;
  readonly serial: string;
  readonly hash: Hash;
  readonly attributes: SignedAttributes | null;
  readonly algorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

interface SignedAttributes {
  /** As signed: with the tag of a SET (§5.4). */
  readonly der: Uint8Array;
  readonly messageDigest: Uint8Array;
}

/** BER or DER; null when it is anything but data with exactly one signer. */
export function readSignedData(bytes: Uint8Array): SignedData | null {
  const der = derFromBer(bytes);
  const [type, wrapped, ...rest] = sequence(der === null ? null : readDer(der)) ?? [];
  if (oid(type) !== SIGNED_DATA || !isContext(wrapped, 0) || rest.length > 0) return null;
  const [version, digests, encapsulated, ...tail] = sequence(explicit(wrapped)) ?? [];
  if (smallInteger(version) === null || set(digests) === null) return null;
  const content = readContent(encapsulated);
  const certificates = readEmbedded(isContext(tail[0], 0) ? tail[0] : undefined);
  const signers = set(tail[tail.length - 1]);
  const signer = signers?.length === 1 ? readSigner(signers[0]!) : null;
  if (content === null || certificates === null || signer === null || tail.length > 3) return null;
  return { content, certificates, signer };
}

function readContent(value: Der | undefined): Uint8Array | null {
  const [type, wrapped, ...rest] = sequence(value) ?? [];
  if (oid(type) !== DATA || !isContext(wrapped, 0) || rest.length > 0) return null;
  return octetString(explicit(wrapped) ?? undefined);
}

function readEmbedded(value: Der | undefined): readonly Certificate[] | null {
  const members = value?.children ?? [];
  return members.length > MAX_CERTIFICATES ? null : readCertificates(members.map((member) => member.bytes));
}

function readSigner(value: Der): Signer | null {
  const [version, sid, digestId, ...tail] = sequence(value) ?? [];
  const [issuer, serialNumber] = sequence(sid) ?? [];
  const serial = unsignedInteger(serialNumber);
  const hash = digest(digestId);
  const attributed = isContext(tail[0], 0);
  const attributes = attributed ? readAttributes(tail[0]!) : null;
  const [algorithmId, signed] = attributed ? tail.slice(1) : tail;
  const algorithm = signatureAlgorithm(algorithmId);
  const signature = octetString(signed);
  if (smallInteger(version) !== 1 || issuer === undefined || serial === null || hash === null) return null;
  if ((attributed && attributes === null) || algorithm === null || signature === null) return null;
  return { issuer: issuer.bytes, serial: hex(serial).replace(/^0+(?=.)/, ''), hash, attributes, algorithm, signature };
}

/** §5.3, §11: contentType and messageDigest must be there, each once with one value. */
function readAttributes(value: Der): SignedAttributes | null {
  const values = new Map<string, Der>();
  for (const attribute of value.children) {
    const [type, members, ...rest] = sequence(attribute) ?? [];
    const [only, ...more] = set(members) ?? [];
    const id = oid(type);
    if (id === null || only === undefined || rest.length + more.length > 0 || values.has(id)) return null;
    values.set(id, only);
  }
  const messageDigest = octetString(values.get(MESSAGE_DIGEST));
  if (oid(values.get(CONTENT_TYPE)) !== DATA || messageDigest === null) return null;
  return { der: concat(new Uint8Array([0x31]), value.bytes.subarray(1)), messageDigest };
}

/** The certificate that the signer names; null when it is not there. */
export function signerCertificate({ certificates, signer }: SignedData): Certificate | null {
  const named = certificates.find(({ issuer, serial }) => equal(issuer.der, signer.issuer) && serial === signer.serial);
  return named ?? null;
}

/**
 * Whether the signer signed the content (§5.4). Apple's receipts of 2020 carry signed attributes and a signature over the
 * content all the same: that is accepted too. It proves the content, and the attributes are used for nothing else; they
 * could not be passed off as content, which is a SET of another shape.
 */
export async function isSigned({ content, signer }: SignedData, { key }: Certificate): Promise<boolean> {
  const over = async (bytes: Uint8Array) => (await verifySignature(signer.algorithm, key, bytes, signer.signature)).ok;
  if ('hash' in signer.algorithm && signer.algorithm.hash !== signer.hash) return false;
  if (signer.attributes === null) return over(content);
  const { der, messageDigest } = signer.attributes;
  const expected = hashOf(signer.hash, content);
  if (expected === null || !equal(expected, messageDigest)) return false;
  return (await over(der)) || over(content);
}

function hashOf(hash: Hash, bytes: Uint8Array): Uint8Array | null {
  if (hash === 'SHA-256') return sha256(bytes);
  if (hash === 'SHA-384') return sha384(bytes);
  return hash === 'SHA-512' ? sha512(bytes) : null;
}
