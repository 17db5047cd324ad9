/**
 * Makes evidence of the format `development`, for demos, tests and continuous integration: an authenticator in software under a
 * root that one deployment made for itself. Only policies that name the format and the class `development` take it.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { base64url } from '../../bytes/base64url.ts';
import { type Cbor, encodeCbor } from '../../bytes/cbor.ts';
import { concat, u16, u32 } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { Evidence } from '../format.ts';
import { readCertificate } from '../path/certificate.ts';
import type { Anchor } from '../trust/store.ts';
import { DEVELOPMENT_AAGUID, issueDevelopment, signDer } from './certificate.ts';

export interface DevelopmentRoot {
  /** DER. */
  readonly certificate: Uint8Array<ArrayBuffer>;
  /** ECDSA on P-256, extractable so that the deployment can keep it. */
  readonly privateKey: CryptoKey;
}

/** `serial`: 16 random bytes. */
export async function makeDevelopmentRoot(now: number, serial: Uint8Array): Promise<DevelopmentRoot> {
  const { publicKey, privateKey } = await makeKey();
  const spki = await exportSpki(publicKey);
  return { certificate: await issueDevelopment({ role: 'root', spki, signer: privateKey, now, serial }), privateKey };
}

/** What a development deployment adds to its trust store; null when the bytes are no certificate. */
export function developmentAnchor(certificate: Uint8Array): Anchor | null {
  const read = readCertificate(certificate);
  if (read === null) return null;
  return {
    id: 'development',
    certificate: read,
    class: 'development',
    formats: ['development'],
    vendor: 'this deployment',
    aaguids: [],
    source: 'made at first start',
  };
}

/** An authenticator with one credential. */
export interface DevelopmentCredential {
  readonly id: Uint8Array<ArrayBuffer>;
  readonly keys: CryptoKeyPair;
}

export interface DevelopmentCeremony {
  /** The transcript of an enrollment, or the challenge of a renewal. */
  readonly challenge: Uint8Array;
  readonly rpId: string;
  readonly origin: string;
}

/** `random`: 48 bytes, for the credential id and a serial number. */
export async function attestInDevelopment(
  root: DevelopmentRoot,
  ceremony: DevelopmentCeremony,
  now: number,
  random: Uint8Array,
): Promise<{ readonly evidence: Evidence; readonly credential: DevelopmentCredential }> {
  const credential = { id: Uint8Array.from(random.subarray(0, 32)), keys: await makeKey() };
  const attester = await makeKey();
  const certificate = await issueDevelopment({
    role: 'attester',
    spki: await exportSpki(attester.publicKey),
    signer: root.privateKey,
    now,
    serial: random.subarray(32, 48),
  });
  const clientData = clientDataJson('webauthn.create', ceremony);
  const authenticatorData = concat(header(ceremony.rpId, AT, 0), await attestedData(credential));
  const signature = await signDer(attester.privateKey, concat(authenticatorData, sha256(clientData)));
  const statement = new Map<string, Cbor>([
    ['alg', -7],
    ['sig', signature],
    ['x5c', [certificate]],
  ]);
  const object = new Map<string, Cbor>([
    ['fmt', 'development'],
    ['attStmt', statement],
    ['authData', authenticatorData],
  ]);
  const evidence = {
    format: 'webauthn',
    attestationObject: base64url(encodeCbor(object)),
    clientDataJSON: base64url(clientData),
  };
  return { evidence, credential };
}

/** An assertion as a browser would send it, bytes as base64url. */
export async function assertInDevelopment(
  credential: DevelopmentCredential,
  ceremony: DevelopmentCeremony,
  signCount: number,
): Promise<{
  readonly credentialId: string;
  readonly clientDataJSON: string;
  readonly authenticatorData: string;
  readonly signature: string;
}> {
  const clientData = clientDataJson('webauthn.get', ceremony);
  const authenticatorData = header(ceremony.rpId, 0, signCount);
  const signature = await signDer(credential.keys.privateKey, concat(authenticatorData, sha256(clientData)));
  return {
    credentialId: base64url(credential.id),
    clientDataJSON: base64url(clientData),
    authenticatorData: base64url(authenticatorData),
    signature: base64url(signature),
  };
}

const UP_AND_UV = 0x05;
const AT = 0x40;

function header(rpId: string, flags: number, signCount: number): Uint8Array<ArrayBuffer> {
  return concat(sha256(utf8(rpId)), new Uint8Array([UP_AND_UV | flags]), u32(signCount));
}

async function attestedData({ id, keys }: DevelopmentCredential): Promise<Uint8Array> {
  const point = new Uint8Array(await crypto.subtle.exportKey('raw', keys.publicKey));
  const cose = new Map<number, Cbor>([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, point.slice(1, 33)],
    [-3, point.slice(33)],
  ]);
  return concat(DEVELOPMENT_AAGUID, u16(id.length), id, encodeCbor(cose));
}

function clientDataJson(type: string, { challenge, origin }: DevelopmentCeremony): Uint8Array<ArrayBuffer> {
  return utf8(JSON.stringify({ type, challenge: base64url(challenge), origin, crossOrigin: false }));
}

function makeKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
}

async function exportSpki(key: CryptoKey): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.exportKey('spki', key));
}
