/** An iPhone and Apple's services for tests: roots, attestations, assertions and receipts. Test keys, made at run time. */
import { createHash } from 'node:crypto';
import type { TrustStore } from '../../../src/attestation/trust/store.ts';
import { base64url } from '../../../src/bytes/base64url.ts';
import { type Cbor, encodeCbor } from '../../../src/bytes/cbor.ts';
import { concat, u16, u32 } from '../../../src/bytes/join.ts';
import { utf8 } from '../../../src/bytes/utf8.ts';
import * as ca from './ca.ts';
import { type Link, makeAnchor, makeChain } from './chain.ts';
import * as der from './der.ts';

export const APP_ID = 'TESTTEAM01.org.example.calls';
const NONCE = '1.2.840.113635.100.8.2';
const SYSTEM = '1.2.840.113635.100.8.7';

export const sha256 = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  new Uint8Array(createHash('sha256').update(bytes).digest());

const isCa = [ca.basicConstraints(true), ca.keyUsage(0x04)];
const [rootKey, middleKey, deviceKey, receiptRootKey, receiptCaKey, receiptKey] = (await Promise.all(
  Array.from({ length: 6 }, () => ca.makeKey()),
)) as [ca.TestKey, ca.TestKey, ca.TestKey, ca.TestKey, ca.TestKey, ca.TestKey];

export { deviceKey };

const root: Link = { key: rootKey, subject: der.commonName('TEST App Attest Root'), extensions: isCa };
const middle: Link = { key: middleKey, subject: der.commonName('TEST App Attest CA'), extensions: isCa };
const receiptRoot: Link = { key: receiptRootKey, subject: der.commonName('TEST Receipt Root'), extensions: isCa };

const marker = (id: string) => ca.extension(id, false, der.nul());
const receiptCa: Link = {
  key: receiptCaKey,
  subject: der.commonName('TEST Receipt CA'),
  extensions: [...isCa, marker('1.2.840.113635.100.6.2.3')],
};
const receiptSigner: Link = {
  key: receiptKey,
  subject: der.commonName('TEST Receipt Signing'),
  extensions: [ca.basicConstraints(false), ca.keyUsage(0x80), marker('1.2.840.113635.100.12.15')],
};

const anchors = [
  makeAnchor((await makeChain([root])).certificates[0]!, { id: 'TEST-APPLE', formats: ['app-attest'] }),
  makeAnchor((await makeChain([receiptRoot])).certificates[0]!, {
    id: 'TEST-RECEIPTS',
    formats: ['app-attest'],
    class: 'metadata',
  }),
];
export const trust: TrustStore = { anchors, intermediates: [], metadata: null, androidStatus: null };

/** Uncompressed point of a P-256 key. */
export const point = (key: ca.TestKey): Uint8Array<ArrayBuffer> => key.spki.slice(key.spki.length - 65);

export interface Receipt {
  readonly fields?: Readonly<Record<number, Uint8Array>>;
  readonly omit?: number;
  readonly signer?: Link;
  readonly ca?: Link;
  readonly root?: Link;
  readonly key?: ca.TestKey;
  /** RFC 5652: none, signed; or Apple's of 2020: present, and the content signed all the same. */
  readonly attributes?: 'none' | 'signed' | 'beside';
  readonly digest?: Uint8Array;
  readonly indefinite?: boolean;
  readonly withoutCertificates?: boolean;
}

/** CMS SignedData over the fields, by Apple's test signer unless told otherwise. */
export async function makeReceipt(fields: Readonly<Record<number, Uint8Array>>, change: Receipt = {}) {
  const chain = await makeChain([change.root ?? receiptRoot, change.ca ?? receiptCa, change.signer ?? receiptSigner]);
  const all = Object.entries({ ...fields, ...change.fields }).filter(([type]) => Number(type) !== change.omit);
  const content = der.setOf(
    ...all.map(([type, value]) => der.seq(der.int(Number(type)), der.int(1), der.octets(value))),
  );
  const [signer, issuer] = chain.certificates;
  const hash = der.seq(der.oid('2.16.840.1.101.3.4.2.1'), der.nul());
  const attribute = (id: string, value: Uint8Array) => der.seq(der.oid(id), der.setOf(value));
  const attributes = concat(
    attribute('1.2.840.113549.1.9.3', der.oid('1.2.840.113549.1.7.1')),
    attribute('1.2.840.113549.1.9.4', der.octets(change.digest ?? sha256(content))),
  );
  const kind = change.attributes ?? 'none';
  const signed = kind === 'signed' ? der.tlv(0x31, attributes) : content;
  const key = change.key ?? receiptKey;
  const info = der.seq(
    der.int(1),
    der.seq(signer!.issuer.der, der.int(BigInt(`0x${signer!.serial}`))),
    hash,
    ...(kind === 'none' ? [] : [der.context(0, attributes)]),
    der.seq(der.oid('1.2.840.10045.4.3.2')),
    der.octets(await ca.sign(key, signed)),
  );
  const certificates = change.withoutCertificates ? new Uint8Array() : concat(signer!.der, issuer!.der);
  const wrap = change.indefinite
    ? indefinite
    : (id: number, ...content: readonly Uint8Array[]) => der.tlv(id, ...content);
  const half = Math.floor(content.length / 2);
  const data = change.indefinite
    ? indefinite(0x24, der.octets(content.subarray(0, half)), der.octets(content.subarray(half)))
    : der.octets(content);
  const encapsulated = wrap(0x30, der.oid('1.2.840.113549.1.7.1'), wrap(0xa0, data));
  const signedData = wrap(0x30, der.int(1), der.setOf(hash), encapsulated, wrap(0xa0, certificates), der.setOf(info));
  return wrap(0x30, der.oid('1.2.840.113549.1.7.2'), wrap(0xa0, signedData));
}

function indefinite(id: number, ...content: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return concat(new Uint8Array([id, 0x80]), ...content, new Uint8Array([0, 0]));
}

const iso = (at: number) => utf8(new Date(at).toISOString());

export function receiptFields(certificate: Uint8Array, clientDataHash: Uint8Array): Record<number, Uint8Array> {
  return {
    2: utf8(APP_ID),
    3: certificate,
    4: clientDataHash,
    5: new Uint8Array(16),
    6: utf8('ATTEST'),
    7: utf8('production'),
    12: iso(ca.TEST_NOW - 1000),
    21: iso(ca.TEST_NOW + 90 * 86_400_000),
  };
}

/** A receipt that was made a second before `now`. */
export const receiptOf = (now: number): Receipt => ({
  fields: { 12: iso(now - 1000), 21: iso(now + 90 * 86_400_000) },
});

export const PRODUCTION = concat(utf8('appattest'), new Uint8Array(7));
export const DEVELOPMENT = utf8('appattestdevelop');

export interface Attestation {
  readonly transcript?: Uint8Array;
  readonly appId?: string;
  readonly aaguid?: Uint8Array;
  readonly counter?: number;
  /** Key of the certificate. */
  readonly key?: ca.TestKey;
  /** Point in the credential's COSE key. */
  readonly credentialPoint?: Uint8Array;
  readonly credentialId?: Uint8Array;
  readonly keyId?: Uint8Array;
  readonly nonce?: Uint8Array;
  readonly nonceExtension?: Uint8Array;
  readonly leaf?: Link;
  readonly middle?: Link;
  readonly root?: Link;
  readonly x5c?: (chain: readonly Uint8Array<ArrayBuffer>[]) => readonly Uint8Array<ArrayBuffer>[];
  readonly receipt?: Receipt;
  readonly format?: string;
  readonly trailing?: Uint8Array;
}

export const TRANSCRIPT = new Uint8Array(32).fill(7);

/** Evidence of the format `app-attest`, right in every detail but those changed. */
export async function makeAttestation(change: Attestation = {}) {
  const key = change.key ?? deviceKey;
  const keyHash = sha256(point(key));
  const xy = (change.credentialPoint ?? point(key)).slice(1);
  const cose = new Map<number, number | Uint8Array<ArrayBuffer>>([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, xy.slice(0, 32)],
    [-3, xy.slice(32)],
  ]);
  const credentialId = change.credentialId ?? keyHash;
  const authData = concat(
    sha256(utf8(change.appId ?? APP_ID)),
    new Uint8Array([0x40]),
    u32(change.counter ?? 0),
    change.aaguid ?? PRODUCTION,
    u16(credentialId.length),
    credentialId,
    encodeCbor(cose),
    change.trailing ?? new Uint8Array(),
  );
  const clientDataHash = sha256(change.transcript ?? TRANSCRIPT);
  const nonce = change.nonce ?? sha256(concat(authData, clientDataHash));
  const nonceValue = change.nonceExtension ?? der.seq(der.context(1, der.octets(nonce)));
  const system = ca.extension(SYSTEM, false, der.seq(der.context(1400, der.octets(utf8('18.1')))));
  const extensions = [ca.basicConstraints(false), ca.keyUsage(0x80), ca.extension(NONCE, false, nonceValue), system];
  const links = [change.root ?? root, change.middle ?? middle, { key, extensions, ...change.leaf }];
  const chain = await makeChain(links);
  const x5c = (change.x5c ?? ((ders) => ders.slice(0, 2)))(chain.ders);
  const receipt = await makeReceipt(receiptFields(chain.ders[0]!, clientDataHash), change.receipt);
  const statement = new Map<string, readonly Uint8Array<ArrayBuffer>[] | Uint8Array<ArrayBuffer>>([
    ['x5c', x5c],
    ['receipt', receipt],
  ]);
  const members: readonly (readonly [string, Cbor])[] = [
    ['fmt', change.format ?? 'apple-appattest'],
    ['attStmt', statement],
    ['authData', authData],
  ];
  const object = encodeCbor(new Map(members));
  const keyId = base64url(change.keyId ?? keyHash);
  return {
    fields: { format: 'app-attest', attestationObject: base64url(object), keyId },
    object,
    spki: key.spki,
    receipt,
  };
}

export interface Assertion {
  readonly clientData: Uint8Array;
  readonly counter: number;
  readonly appId?: string;
  readonly key?: ca.TestKey;
  readonly extra?: Uint8Array;
  /** Signs the data itself, not the nonce. */
  readonly once?: boolean;
}

export async function makeAssertion({ clientData, counter, appId = APP_ID, key = deviceKey, extra, once }: Assertion) {
  const header = concat(sha256(utf8(appId)), new Uint8Array([0x40]), u32(counter));
  const authenticatorData = concat(header, extra ?? new Uint8Array());
  const composite = concat(authenticatorData, sha256(clientData));
  const signature = await ca.sign(key, once ? composite : sha256(composite));
  return encodeCbor(new Map([['signature', signature] as const, ['authenticatorData', authenticatorData] as const]));
}
