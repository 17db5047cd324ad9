/** A certificate authority for tests. Every key is made at run time and every name says TEST. */
import { concat } from '../../../src/bytes/join.ts';
import { bits, bool, type Bytes, context, int, nul, octets, oid, seq, time, tlv } from './der.ts';

export type KeyKind = 'P-256' | 'P-384' | 'P-521' | 'RSA-2048' | 'RSA-1024' | 'RSA-3' | 'Ed25519' | 'PSS' | 'ML-DSA-65';

export interface TestKey {
  readonly kind: KeyKind;
  readonly spki: Bytes;
  readonly privateKey: CryptoKey;
}

export async function makeKey(kind: KeyKind = 'P-256'): Promise<TestKey> {
  const pair = await crypto.subtle.generateKey(keyParameters(kind), true, ['sign', 'verify']);
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey));
  return { kind, spki, privateKey: pair.privateKey };
}

function keyParameters(kind: KeyKind): EcKeyGenParams | RsaHashedKeyGenParams {
  const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]) };
  if (kind === 'RSA-2048') return { ...rsa, modulusLength: 2048 };
  if (kind === 'RSA-1024') return { ...rsa, modulusLength: 1024 };
  if (kind === 'RSA-3') return { ...rsa, modulusLength: 2048, publicExponent: new Uint8Array([3]) };
  if (kind === 'PSS') return { ...rsa, name: 'RSA-PSS', modulusLength: 2048 };
  if (kind === 'Ed25519' || kind === 'ML-DSA-65') return { name: kind } as EcKeyGenParams;
  return { name: 'ECDSA', namedCurve: kind };
}

export type SigningHash = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';

const ECDSA_OID = {
  'SHA-1': '1.2.840.10045.4.1',
  'SHA-256': '1.2.840.10045.4.3.2',
  'SHA-384': '1.2.840.10045.4.3.3',
  'SHA-512': '1.2.840.10045.4.3.4',
};
const RSA_OID = {
  'SHA-1': '1.2.840.113549.1.1.5',
  'SHA-256': '1.2.840.113549.1.1.11',
  'SHA-384': '1.2.840.113549.1.1.12',
  'SHA-512': '1.2.840.113549.1.1.13',
};
const HASH_OID = {
  'SHA-1': '1.3.14.3.2.26',
  'SHA-256': '2.16.840.1.101.3.4.2.1',
  'SHA-384': '2.16.840.1.101.3.4.2.2',
  'SHA-512': '2.16.840.1.101.3.4.2.3',
};

export function algorithmIdentifier(key: TestKey, hash: SigningHash): Bytes {
  if (key.kind === 'Ed25519') return seq(oid('1.3.101.112'));
  if (key.kind === 'ML-DSA-65') return seq(oid('2.16.840.1.101.3.4.3.18'));
  if (key.kind === 'PSS') {
    const digest = seq(oid(HASH_OID[hash]), nul());
    const mask = seq(oid('1.2.840.113549.1.1.8'), digest);
    return seq(oid('1.2.840.113549.1.1.10'), seq(context(0, digest), context(1, mask), context(2, int(32))));
  }
  return key.kind.startsWith('RSA') ? seq(oid(RSA_OID[hash]), nul()) : seq(oid(ECDSA_OID[hash]));
}

/** The signature as certificates carry it: DER for ECDSA. */
export async function sign(key: TestKey, data: Uint8Array, hash: SigningHash = 'SHA-256'): Promise<Bytes> {
  const name = key.privateKey.algorithm.name;
  if (name === 'ECDSA') {
    const raw = new Uint8Array(await crypto.subtle.sign({ name, hash }, key.privateKey, data.slice()));
    return ecdsaDer(raw);
  }
  const parameters = name === 'RSA-PSS' ? { name, saltLength: 32 } : { name };
  const signer =
    name === 'RSASSA-PKCS1-v1_5' && hash !== 'SHA-256' ? await rehash(key.privateKey, hash) : key.privateKey;
  return new Uint8Array(await crypto.subtle.sign(parameters, signer, data.slice()));
}

async function rehash(key: CryptoKey, hash: SigningHash): Promise<CryptoKey> {
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', key);
  return crypto.subtle.importKey('pkcs8', pkcs8, { name: key.algorithm.name, hash }, false, ['sign']);
}

export function ecdsaDer(raw: Uint8Array): Bytes {
  const half = raw.length / 2;
  const number = (part: Uint8Array) => int(BigInt(`0x${Buffer.from(part).toString('hex')}`));
  return seq(number(raw.subarray(0, half)), number(raw.subarray(half)));
}

export function extension(id: string, critical: boolean, value: Uint8Array): Bytes {
  return seq(oid(id), ...(critical ? [bool(true)] : []), octets(value));
}

export const basicConstraints = (ca: boolean, pathLength?: number, critical = true): Bytes =>
  extension(
    '2.5.29.19',
    critical,
    seq(...(ca ? [bool(true)] : []), ...(pathLength === undefined ? [] : [int(pathLength)])),
  );

/** First byte of the KeyUsage bits: 0x80 digitalSignature, 0x20 keyEncipherment, 0x08 keyAgreement, 0x04 keyCertSign. */
export const keyUsage = (first: number, critical = true): Bytes => {
  const unused = Math.min(7, Math.log2(first & -first));
  return extension('2.5.29.15', critical, bits(new Uint8Array([first]), unused));
};

export const subjectKeyId = (id: Uint8Array): Bytes => extension('2.5.29.14', false, octets(id));
export const authorityKeyId = (id: Uint8Array): Bytes => extension('2.5.29.35', false, seq(context(0, id, false)));
export const extendedKeyUsage = (...ids: readonly string[]): Bytes =>
  extension('2.5.29.37', false, seq(...ids.map(oid)));
export const policies = (...ids: readonly string[]): Bytes =>
  extension('2.5.29.32', false, seq(...ids.map((id) => seq(oid(id)))));

export interface Request {
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly signer: TestKey;
  readonly spki: Uint8Array;
  readonly serial?: bigint | number;
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly extensions?: readonly Uint8Array[];
  readonly hash?: SigningHash;
  /** The version field's own number: 2 means version 3. */
  readonly version?: number;
}

export const TEST_NOW = Date.UTC(2026, 0, 15);
const DAY = 86_400_000;
const YEAR = 365 * DAY;
/** Still so when the simulator's time begins, a year after TEST_NOW. */
const VALID = YEAR + 35 * DAY;

export async function issue(request: Request): Promise<Bytes> {
  const { signer, hash = 'SHA-256', version = 2 } = request;
  const algorithm = algorithmIdentifier(signer, hash);
  const extensions = request.extensions ?? [];
  const tbs = seq(
    ...(version === 0 ? [] : [context(0, int(version))]),
    int(request.serial ?? 7),
    algorithm,
    request.issuer,
    seq(time(request.notBefore ?? TEST_NOW - YEAR), time(request.notAfter ?? TEST_NOW + VALID)),
    request.subject,
    request.spki,
    ...(extensions.length === 0 ? [] : [context(3, seq(...extensions))]),
  );
  return seq(tbs, algorithm, bits(await sign(signer, tbs, hash)));
}

/** A SEQUENCE with one more, alien, member: still DER, no longer the type. */
export function widened(sequenceDer: Uint8Array): Bytes {
  const header = sequenceDer[1]! < 0x80 ? 2 : 2 + (sequenceDer[1]! & 0x7f);
  return tlv(0x30, concat(sequenceDer.subarray(header), nul()));
}
