/** A platform authenticator with a real (software) TPM behind it, as Windows Hello is one: it answers navigator.credentials.create with format `tpm`. */
import { hashByName } from '../../../src/attestation/tpm/algorithms.ts';
import { ATTRIBUTE } from '../../../src/attestation/tpm/attributes.ts';
import type { PublicArea } from '../../../src/attestation/tpm/public.ts';
import { readPublic } from '../../../src/attestation/tpm/public.ts';
import { readSignature } from '../../../src/attestation/tpm/signature.ts';
import type { TpmSignature } from '../../../src/attestation/tpm/signature.ts';
import { leftPad, pointOf, spkiOf } from '../../../src/attestation/tpm/spki.ts';
import type { Anchor, TrustStore } from '../../../src/attestation/trust/store.ts';
import { base64url } from '../../../src/bytes/base64url.ts';
import { type Cbor, encodeCbor } from '../../../src/bytes/cbor.ts';
import { concat, u16, u32 } from '../../../src/bytes/join.ts';
import { utf8 } from '../../../src/bytes/utf8.ts';
import { ATTESTATION_KEY, ATTESTATION_KEY_RSA, IDENTITY_KEY, STORAGE_ROOT } from '../../../src/sdk/tpm/templates.ts';
import type { Tpm, WrappedKey } from '../../../src/sdk/tpm/tpm.ts';
import * as ca from './ca.ts';
import { type Link, makeAnchor, makeChain } from './chain.ts';
import * as der from './der.ts';
import { tpmName } from './tpm-factory.ts';

/** Windows Hello with a hardware TPM. */
export const HELLO = '08987058-cadc-4b81-b6e1-30de50dcbe96';

export const ES256_KEY: PublicArea = { ...IDENTITY_KEY, scheme: null };
/** Windows makes RSA keys that may also decrypt. */
export const RS256_KEY: PublicArea = {
  ...ES256_KEY,
  attributes: ES256_KEY.attributes | ATTRIBUTE.decrypt,
  key: ATTESTATION_KEY_RSA.key,
};
export const AIK_SHA1: PublicArea = { ...ATTESTATION_KEY_RSA, scheme: { name: 'rsassa', hash: 'sha1' } };

const COSE = { 'ecdsa-sha256': -7, 'rsassa-sha256': -257, 'rsassa-sha1': -65535 } as const;

export interface Ceremony {
  readonly challenge: Uint8Array;
  readonly origin: string;
  readonly rpId: string;
}

/** The parts of a statement, before they are encoded. */
export interface Parts {
  readonly fields: ReadonlyMap<string, Cbor>;
  readonly authData: Uint8Array<ArrayBuffer>;
  readonly clientData: Uint8Array<ArrayBuffer>;
}

export interface Aik {
  readonly wrapped: WrappedKey;
  readonly certificates: readonly Uint8Array<ArrayBuffer>[];
}

/** Other verifiers know no clock but the machine's. */
const LONG = Date.UTC(2046, 0);

/** The authority that certifies attestation keys: what Microsoft's is to Windows. */
export async function makePrivacyCa(change: Partial<Anchor> = {}) {
  const [rootKey, issuerKey] = [await ca.makeKey('P-384'), await ca.makeKey()];
  const sign = [ca.basicConstraints(true), ca.keyUsage(0x04)];
  const links: Link[] = [
    { key: rootKey, extensions: sign, notAfter: LONG },
    { key: issuerKey, extensions: sign, notAfter: LONG },
  ];
  const { certificates } = await makeChain(links);
  const anchor = makeAnchor(certificates[1]!, { id: 'TEST-AIK-ROOT', aaguids: [HELLO], ...change });
  const trust: TrustStore = { anchors: [anchor], intermediates: [], metadata: null, androidStatus: null };
  const certify = async (spki: Uint8Array, leaf: Partial<Link> = {}, more: readonly Uint8Array[] = []) => {
    const extensions = [ca.basicConstraints(false), ca.extendedKeyUsage('2.23.133.8.3'), tpmName(), ...more];
    return (await makeChain([...links, { subject: der.seq(), spki, extensions, notAfter: LONG, ...leaf }])).ders.slice(
      0,
      2,
    );
  };
  return { trust, certify };
}

export type PrivacyCa = Awaited<ReturnType<typeof makePrivacyCa>>;

export async function makeAik(
  tpm: Tpm,
  authority: PrivacyCa,
  template: PublicArea = ATTESTATION_KEY,
  ...change: [leaf?: Partial<Link>, more?: readonly Uint8Array[]]
): Promise<Aik> {
  const root = await tpm.createPrimary('owner', STORAGE_ROOT);
  const wrapped = await tpm.create(root.handle, template);
  await tpm.flush(root.handle);
  return { wrapped, certificates: await authority.certify(spkiOf(readPublic(wrapped.public)!.key), ...change) };
}

/** authenticatorMakeCredential: a new key in the TPM, certified by the attestation key over this ceremony. */
export async function create(
  tpm: Tpm,
  aik: Aik,
  ceremony: Ceremony,
  template: PublicArea = ES256_KEY,
  aaguid: string = HELLO,
): Promise<Parts> {
  const root = await tpm.createPrimary('owner', STORAGE_ROOT);
  const wrapped = await tpm.create(root.handle, template);
  const key = await tpm.load(root.handle, wrapped);
  const attestationKey = await tpm.load(root.handle, aik.wrapped);
  await tpm.flush(root.handle);
  const clientData = utf8(
    JSON.stringify({ type: 'webauthn.create', challenge: base64url(ceremony.challenge), origin: ceremony.origin }),
  );
  const authData = authenticatorData(ceremony.rpId, aaguid, wrapped.public);
  const { scheme } = readPublic(aik.wrapped.public)!;
  const signed = concat(authData, hashByName('sha256').digest(clientData));
  const digest = hashByName(scheme!.hash!).digest(signed);
  const { statement, signature } = await tpm.certify(key.handle, attestationKey.handle, digest);
  await tpm.flush(key.handle);
  await tpm.flush(attestationKey.handle);
  const fields = new Map<string, Cbor>([
    ['ver', '2.0'],
    ['alg', COSE[`${scheme!.name}-${scheme!.hash}` as keyof typeof COSE]],
    ['x5c', aik.certificates],
    ['sig', bareSignature(readSignature(signature)!)],
    ['certInfo', concat(statement)],
    ['pubArea', concat(wrapped.public)],
  ]);
  return { fields, authData, clientData };
}

/** What browsers carry: DER for ECDSA, PKCS #1 octets for RSA. */
export function bareSignature(signature: TpmSignature): Uint8Array<ArrayBuffer> {
  if (signature.scheme !== 'ecdsa') return concat(signature.signature);
  return ca.ecdsaDer(concat(leftPad(signature.r, 32), leftPad(signature.s, 32)));
}

function authenticatorData(rpId: string, aaguid: string, publicArea: Uint8Array): Uint8Array<ArrayBuffer> {
  const sha256 = hashByName('sha256').digest;
  const userPresentAndVerifiedWithKey = new Uint8Array([0x45]);
  const id = sha256(publicArea);
  const name = Uint8Array.from(Buffer.from(aaguid.replaceAll('-', ''), 'hex'));
  return concat(
    sha256(utf8(rpId)),
    userPresentAndVerifiedWithKey,
    u32(0),
    name,
    u16(id.length),
    id,
    coseKey(publicArea),
  );
}

function coseKey(publicArea: Uint8Array): Uint8Array {
  const { key } = readPublic(publicArea)!;
  const entries: [number, Cbor][] =
    key.type === 'rsa'
      ? [
          [1, 3],
          [3, -257],
          [-1, concat(key.modulus)],
          [-2, new Uint8Array([1, 0, 1])],
        ]
      : [
          [1, 2],
          [3, -7],
          [-1, 1],
          [-2, pointOf(key).slice(1, 33)],
          [-3, pointOf(key).slice(33)],
        ];
  return encodeCbor(new Map(entries));
}

/** Evidence as a page sends it. */
export function webauthnEvidence({ fields, authData, clientData }: Parts) {
  const object = new Map<string, Cbor>([
    ['fmt', 'tpm'],
    ['attStmt', fields],
    ['authData', authData],
  ]);
  return {
    format: 'webauthn',
    attestationObject: base64url(encodeCbor(object)),
    clientDataJSON: base64url(clientData),
  };
}
