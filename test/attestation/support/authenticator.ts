/** An authenticator for tests, every detail of its registration changeable; one detail changed makes one failure. Test keys, made at run time. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { TrustStore } from '../../../src/attestation/trust/store.ts';
import { base64url } from '../../../src/bytes/base64url.ts';
import { type Cbor, type CborKey, encodeCbor } from '../../../src/bytes/cbor.ts';
import { concat, u16, u32 } from '../../../src/bytes/join.ts';
import { utf8 } from '../../../src/bytes/utf8.ts';
import * as ca from './ca.ts';
import { type Link, makeAnchor, makeChain } from './chain.ts';
import * as der from './der.ts';

export const RP_ID = 'calls.example';
export const ORIGIN = 'https://calls.example';
export const AAGUID = 'fa2b99dc-0000-4000-8000-00000000beef';
export const CHALLENGE = new Uint8Array(32).fill(0x5a);
export const AAGUID_EXTENSION = '1.3.6.1.4.1.45724.1.1.4';

export const aaguidBytes = (name: string): Uint8Array => Uint8Array.from(Buffer.from(name.replaceAll('-', ''), 'hex'));
export const aaguidExtension = (name: string, critical = false): Uint8Array =>
  ca.extension(AAGUID_EXTENSION, critical, der.octets(aaguidBytes(name)));

export interface ClientDataChange {
  readonly type?: string;
  readonly challenge?: string;
  readonly origin?: string;
  readonly crossOrigin?: boolean;
  readonly topOrigin?: string;
}

export function clientData(change: ClientDataChange = {}): Uint8Array<ArrayBuffer> {
  return utf8(JSON.stringify({ type: 'webauthn.create', challenge: base64url(CHALLENGE), origin: ORIGIN, ...change }));
}

export const credential = await ca.makeKey();

/** COSE_Key of a P-256 key; the last 64 bytes of its SubjectPublicKeyInfo are x and y. */
export function coseKey(key: ca.TestKey): Map<CborKey, Cbor> {
  const point = key.spki.slice(-64);
  return new Map<CborKey, Cbor>([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, point.slice(0, 32)],
    [-3, point.slice(32)],
  ]);
}

export interface DataChange {
  readonly rpId?: string;
  /** UP 0x01, UV 0x04, BE 0x08, BS 0x10, AT 0x40, ED 0x80. */
  readonly flags?: number;
  readonly aaguid?: string;
  readonly credentialId?: Uint8Array;
  readonly key?: ReadonlyMap<CborKey, Cbor>;
  readonly tail?: Uint8Array;
}

export function authenticatorData(change: DataChange = {}): Uint8Array<ArrayBuffer> {
  const { rpId = RP_ID, flags = 0x45, aaguid = AAGUID, credentialId = new Uint8Array(32).fill(3) } = change;
  const key = encodeCbor(change.key ?? coseKey(credential));
  const attested = concat(aaguidBytes(aaguid), u16(credentialId.length), credentialId, key);
  return concat(sha256(utf8(rpId)), new Uint8Array([flags]), u32(1), attested, change.tail ?? new Uint8Array());
}

export const SUBJECT = [
  ['2.5.4.6', 'SE'],
  ['2.5.4.10', 'TEST Maker'],
  ['2.5.4.11', 'Authenticator Attestation'],
  ['2.5.4.3', 'TEST authenticator'],
] as const;

const rootKey = await ca.makeKey();
const attestationKey = await ca.makeKey();
const root: Link = { key: rootKey, extensions: [ca.basicConstraints(true), ca.keyUsage(0x04)] };

/** An attestation certificate and its issuers, without the root. */
export async function attestationChain(
  change: Partial<Link> = {},
  between: readonly Link[] = [],
): Promise<readonly der.Bytes[]> {
  const leaf: Link = {
    key: attestationKey,
    subject: der.name(...SUBJECT),
    extensions: [ca.basicConstraints(false), aaguidExtension(AAGUID)],
    ...change,
  };
  return (await makeChain([root, ...between, leaf])).ders.slice(0, -1);
}

const rootCertificate = (await makeChain([root])).certificates[0]!;
export const anchor = makeAnchor(rootCertificate, { aaguids: [AAGUID] });
export const trust: TrustStore = { anchors: [anchor], intermediates: [], metadata: null, androidStatus: null };

export interface PackedChange {
  readonly data?: Uint8Array<ArrayBuffer>;
  readonly client?: Uint8Array<ArrayBuffer>;
  readonly chain?: readonly Uint8Array<ArrayBuffer>[];
  readonly signer?: ca.TestKey;
  readonly algorithm?: number;
  /** What is signed, when not authenticatorData || clientDataHash. */
  readonly signed?: Uint8Array;
  readonly fields?: readonly (readonly [string, Cbor])[];
}

const goodChain = await attestationChain();

export async function packed(change: PackedChange = {}) {
  const { data = authenticatorData(), client = clientData(), chain = goodChain } = change;
  const signature = await ca.sign(change.signer ?? attestationKey, change.signed ?? concat(data, sha256(client)));
  const statement = new Map<string, Cbor>([
    ['alg', change.algorithm ?? -7],
    ['sig', signature],
    ['x5c', chain],
    ...(change.fields ?? []),
  ]);
  return evidence('packed', statement, data, client);
}

export async function selfAttested(algorithm = -7, signer: ca.TestKey = credential) {
  const [data, client] = [authenticatorData(), clientData()];
  const signature = await ca.sign(signer, concat(data, sha256(client)));
  const statement = new Map<string, Cbor>([
    ['alg', algorithm],
    ['sig', signature],
  ]);
  return evidence('packed', statement, data, client);
}

export function evidence(
  format: string,
  statement: Cbor,
  data: Uint8Array<ArrayBuffer> = authenticatorData(),
  client: Uint8Array = clientData(),
) {
  const object = new Map<string, Cbor>([
    ['fmt', format],
    ['attStmt', statement],
    ['authData', data],
  ]);
  return {
    format: 'webauthn',
    attestationObject: base64url(encodeCbor(object)),
    clientDataJSON: base64url(client),
  };
}

export const expected = {
  transcript: CHALLENGE,
  identityKey: new Uint8Array(),
  now: ca.TEST_NOW,
  rpId: RP_ID,
  origins: [ORIGIN],
};
