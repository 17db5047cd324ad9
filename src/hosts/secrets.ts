import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type DevelopmentRoot, makeDevelopmentRoot } from '../attestation/development/attester.ts';
import { readCertificate } from '../attestation/path/certificate.ts';
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { hex } from '../bytes/hex.ts';
import { equal } from '../bytes/join.ts';
import { utf8 } from '../bytes/utf8.ts';
import {
  authorityName,
  createAuthority,
  createIssuing,
  isDevelopment,
  type Issuer,
  openIssuer,
} from '../ca/authority.ts';
import { PROFILES } from '../ca/profile.ts';
import { KEEP_AFTER_END } from '../ca/revocation.ts';
import { jwkSigner, type PrivateJwk, type Signer } from '../ca/signer.ts';
import { keySet, spkiOf } from '../directory/jwk.ts';
import type { Keys, MacKey } from '../http/services.ts';
import type { KeySet } from '../protocol/handle.ts';

/**
 * Three secrets, each below what a platform keeps in one: CALLSIGN_CA (root certificate, issuing certificate and key),
 * CALLSIGN_KEYS (one key per other use), and in development CALLSIGN_DEVELOPMENT (the attester's root). JSON. Two more hold what
 * others gave this deployment: CALLSIGN_PUSH (APNs, FCM) and CALLSIGN_TURN; see outside.ts.
 */
export interface Secrets {
  readonly CALLSIGN_CA: string;
  readonly CALLSIGN_KEYS: string;
  readonly CALLSIGN_DEVELOPMENT?: string;
  readonly CALLSIGN_PUSH?: string;
  readonly CALLSIGN_TURN?: string;
}

interface CaSecret {
  readonly root: string;
  readonly certificate: string;
  readonly key: PrivateJwk;
  /** Issuing CAs before this one, newest first: they sign nothing but their lists. */
  readonly previous?: readonly WrittenIssuer[];
}

interface WrittenIssuer {
  readonly certificate: string;
  readonly key: PrivateJwk;
  /** When the next one took over, ms. */
  readonly until: number;
}

interface KeysSecret {
  readonly deployment: string;
  readonly development: boolean;
  readonly directory: WrittenSigner;
  readonly access: WrittenSigner;
  readonly nonces: readonly WrittenMac[];
  readonly handles: WrittenMac;
  readonly evidence: WrittenMac;
  /** Absent in documents of before it existed: then it is derived from the evidence key. */
  readonly hardware?: WrittenMac;
  /** Shows push services of browsers who pushes (RFC 8292). Absent in documents of before it existed: then there is no Web Push. */
  readonly vapid?: PrivateJwk;
  /** Opens the operator's API; base64url, 32 bytes. */
  readonly operator: string;
}

interface WrittenMac {
  readonly kid: string;
  readonly secret: string;
}

/** One key, or a list with the one that signs first; those after it only verify, and need no private part. */
type WrittenSigner = PrivateJwk | readonly [PrivateJwk, ...Pick<PrivateJwk, 'kid' | 'x' | 'y'>[]];

interface DevelopmentSecret {
  readonly certificate: string;
  readonly key: JsonWebKey;
}

/** A deployment that cannot start, in a sentence for the operator. */
export class SecretsError extends Error {
  override readonly name = 'SecretsError';
}

/** A signing key on P-256, exportable; `use` begins its name. */
export async function makeKey(use: string): Promise<PrivateJwk> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const { x, y, d } = await crypto.subtle.exportKey('jwk', pair.privateKey);
  if (!x || !y || !d) throw new SecretsError('this runtime does not export the keys it makes.');
  return { kty: 'EC', crv: 'P-256', kid: `${use}-${x.slice(0, 8)}`, x, y, d };
}

interface Made {
  readonly secrets: Pick<Secrets, 'CALLSIGN_CA' | 'CALLSIGN_KEYS'>;
  readonly root: Uint8Array<ArrayBuffer>;
  readonly rootKey: PrivateJwk;
}

/** Every key of a deployment but the development attester's; the root key is for the caller to put away, or to forget. */
async function makeSecrets(name: string, development: boolean, now: number): Promise<Made> {
  const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
  const mac = (use: string): WrittenMac => ({ kid: `${use}1`, secret: base64url(random(32)) });
  const { root, issuing } = await createAuthority({ name, development, now, random: random(32) });
  const ca: CaSecret = {
    root: base64url(root.certificate),
    certificate: base64url(issuing.certificate),
    key: issuing.key,
  };
  const keys: KeysSecret = {
    deployment: base64url(random(12)),
    development,
    directory: await makeKey('directory'),
    access: await makeKey('access'),
    nonces: [mac('n')],
    handles: mac('h'),
    evidence: mac('e'),
    hardware: mac('w'),
    vapid: await makeKey('vapid'),
    operator: base64url(random(32)),
  };
  const secrets = { CALLSIGN_CA: JSON.stringify(ca), CALLSIGN_KEYS: JSON.stringify(keys) };
  return { secrets, root: root.certificate, rootKey: root.key };
}

/** Secrets of a production deployment; `name` stands in the subjects of its certificates. */
export function makeProductionSecrets(name: string, now: number): Promise<Made> {
  return makeSecrets(name, false, now);
}

/** Secrets of a development deployment, marked as such in the certificates' subjects and in the document. */
export async function makeDevelopmentSecrets(now: number): Promise<Secrets> {
  const { secrets } = await makeSecrets('Callsign', true, now);
  const attester = await makeDevelopmentRoot(now, crypto.getRandomValues(new Uint8Array(16)));
  const development: DevelopmentSecret = {
    certificate: base64url(attester.certificate),
    key: await crypto.subtle.exportKey('jwk', attester.privateKey),
  };
  return { ...secrets, CALLSIGN_DEVELOPMENT: JSON.stringify(development) };
}

/** The longest life of a certificate, and how long its entry stays on a list after it ended. */
const LISTED_MS = PROFILES.call.validity.most + KEEP_AFTER_END;

/**
 * The secret CALLSIGN_CA with another issuing CA under the same root. The one before stays in it for as long as somebody may
 * ask for its list; those for which that is over are left out. Throws a SecretsError for a key that is not the root's.
 */
export async function rotateIssuing(
  text: string,
  rootKey: PrivateJwk,
  now: number,
): Promise<{ readonly secret: string; readonly retired: number }> {
  const { root, certificate, key, previous = [] } = parse(text, 'CALLSIGN_CA') as CaSecret;
  const der = bytes(root, 'CALLSIGN_CA.root');
  const read = readCertificate(der);
  if (!read) throw new SecretsError('CALLSIGN_CA.root is not a certificate.');
  const signer = await jwkSigner(rootKey).catch(() => null);
  if (!signer || !equal(signer.publicKey, read.spki))
    throw new SecretsError('this is not the key of the root in CALLSIGN_CA.');
  const plan = { name: authorityName(read), development: isDevelopment(read), now };
  const next = await createIssuing(der, rootKey, plan, crypto.getRandomValues(new Uint8Array(16)));
  const before = [{ certificate, key, until: now }, ...previous].filter(({ until }) => until + LISTED_MS > now);
  const made: CaSecret = { root, certificate: base64url(next.certificate), key: next.key, previous: before };
  return { secret: JSON.stringify(made), retired: previous.length + 1 - before.length };
}

export interface OpenedSecrets {
  readonly deployment: string;
  readonly keys: Keys;
  readonly vapid: PrivateJwk | null;
  readonly operator: string;
  readonly developmentRoot: DevelopmentRoot | null;
}

/** Reads and checks every secret; production refuses what was made for development. */
export async function openSecrets(
  given: Partial<Secrets>,
  origin: string,
  environment: 'development' | 'production',
): Promise<OpenedSecrets> {
  const ca = parse(given.CALLSIGN_CA, 'CALLSIGN_CA') as CaSecret;
  const written = parse(given.CALLSIGN_KEYS, 'CALLSIGN_KEYS') as KeysSecret;
  const root = bytes(ca.root, 'CALLSIGN_CA.root');
  const rootCertificate = readCertificate(root);
  if (!rootCertificate) throw new SecretsError('CALLSIGN_CA.root is not a certificate.');
  const unfit = written.development || isDevelopment(rootCertificate) || given.CALLSIGN_DEVELOPMENT !== undefined;
  if (environment === 'production' && unfit)
    throw new SecretsError(
      'These secrets were made for development; production does not start with them. Make its own with `npm run callsign -- ca init`.',
    );
  const issuer = await openWritten(ca, origin, 'CALLSIGN_CA');
  const before = await Promise.all(
    (ca.previous ?? []).map((one, i) => openWritten(one, origin, `CALLSIGN_CA.previous[${i}]`)),
  );
  const [first, ...older] = written.nonces.map(macKey);
  if (!first) throw new SecretsError('CALLSIGN_KEYS.nonces holds no key.');
  const directory = await signerOf(written.directory, 'CALLSIGN_KEYS.directory');
  const access = await signerOf(written.access, 'CALLSIGN_KEYS.access');
  return {
    deployment: written.deployment,
    operator: written.operator,
    vapid: written.vapid ?? null,
    developmentRoot: environment === 'development' ? await openDevelopment(given.CALLSIGN_DEVELOPMENT) : null,
    keys: {
      issuer,
      issuers: [issuer, ...before],
      root,
      directory: directory.signer,
      access: access.signer,
      published: { directory: directory.published, access: access.published },
      nonces: [first, ...older],
      handles: macKey(written.handles),
      evidence: macKey(written.evidence),
      hardware: written.hardware ? macKey(written.hardware) : hardwareKey(macKey(written.evidence)),
    },
  };
}

/** An issuing CA with the addresses of its own list and certificate: they go into what it issues, and outlive its term. */
async function openWritten(
  { certificate, key }: Omit<WrittenIssuer, 'until'>,
  origin: string,
  name: string,
): Promise<Issuer> {
  const der = bytes(certificate, `${name}.certificate`);
  const id = hex(readCertificate(der)?.subjectKeyId ?? new Uint8Array());
  const urls = { crl: `${origin}/v1/pki/crl/${id}`, issuers: `${origin}/v1/pki/issuing/${id}` };
  return openIssuer(der, await jwkSigner(key), urls);
}

async function openDevelopment(text: string | undefined): Promise<DevelopmentRoot | null> {
  if (text === undefined) return null;
  const { certificate, key } = parse(text, 'CALLSIGN_DEVELOPMENT') as DevelopmentSecret;
  const privateKey = await crypto.subtle.importKey('jwk', key, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']);
  return { certificate: bytes(certificate, 'CALLSIGN_DEVELOPMENT.certificate'), privateKey };
}

/** Which key signs, and which verify. Every `kid` is one key. */
async function signerOf(written: WrittenSigner, name: string): Promise<{ signer: Signer; published: KeySet }> {
  const [first, ...older] = 'kid' in written ? [written] : written;
  if (!first?.d) throw new SecretsError(`${name} holds no private key to sign with.`);
  const signer = await jwkSigner(first);
  const verifying = older.map(({ kid, x, y }) => {
    const publicKey = spkiOf({ x, y });
    if (!publicKey || typeof kid !== 'string') throw new SecretsError(`${name} holds what is no P-256 key with kid.`);
    return { keyId: kid, publicKey };
  });
  const published = keySet([signer, ...verifying]);
  if (new Set(published.keys.map(({ kid }) => kid)).size < published.keys.length)
    throw new SecretsError(`${name} holds two keys of one kid.`);
  return { signer, published };
}

function macKey({ kid, secret }: WrittenMac): MacKey {
  const key = bytes(secret, `the key ${kid}`);
  if (key.length !== 32) throw new SecretsError(`the key ${kid} must have 32 bytes.`);
  return { kid, secret: key };
}

/** HKDF-SHA256 (RFC 5869), so that a document without this key has the same one at every start. */
function hardwareKey({ kid, secret }: MacKey): MacKey {
  return { kid: `w-${kid}`, secret: hkdf(sha256, secret, undefined, utf8('callsign/hardware-key/1'), 32) };
}

function parse(text: string | undefined, name: string): unknown {
  if (text === undefined)
    throw new SecretsError(
      `${name} is not set: in development the first start makes it, production gets it with \`wrangler secret put ${name}\`.`,
    );
  try {
    return JSON.parse(text);
  } catch {
    throw new SecretsError(`${name} is not JSON.`);
  }
}

function bytes(text: string, what: string): Uint8Array<ArrayBuffer> {
  const decoded = fromBase64url(text);
  if (!decoded) throw new SecretsError(`${what} is not base64url.`);
  return decoded;
}
