import { type Certificate, readCertificate } from '../attestation/path/certificate.ts';
import { attributeValues } from '../attestation/path/name.ts';
import { base64url } from '../bytes/base64url.ts';
import { hex } from '../bytes/hex.ts';
import { equal } from '../bytes/join.ts';
import { keyIdentifier, serialFrom } from './names.ts';
import { signBody } from './sign.ts';
import { jwkSigner, type PrivateJwk, type Signer } from './signer.ts';
import { certificateBody } from './x509.ts';

/** Where relying parties find this deployment's list and chain. */
export interface AuthorityUrls {
  readonly crl: string;
  readonly issuers: string;
}

/** An issuing CA in operation: its certificate, the key behind it, and the URLs that go into what it issues. */
export interface Issuer {
  readonly certificate: Certificate;
  readonly signer: Signer;
  readonly urls: AuthorityUrls;
}

/** Puts an issuer together, or says in a sentence why its parts do not fit. */
export function openIssuer(der: Uint8Array, signer: Signer, urls: AuthorityUrls): Issuer {
  const certificate = readCertificate(der);
  if (!certificate) throw new TypeError('the issuing CA certificate is not readable');
  if (!equal(certificate.spki, signer.publicKey)) throw new TypeError('the issuing CA certificate is not for this key');
  if (!certificate.basicConstraints?.ca || !certificate.subjectKeyId)
    throw new TypeError('the issuing certificate is no CA');
  for (const url of Object.values(urls)) new URL(url);
  return { certificate, signer, urls };
}

export interface AuthorityPlan {
  /** Put into the common names; development says so by itself. */
  readonly name: string;
  readonly development: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** 32 bytes: two serials. */
  readonly random: Uint8Array;
}

/** What `ca init` prints and development keeps: two certificates (DER), two private keys (JWK). The root key belongs off line. */
export interface Authority {
  readonly root: { readonly certificate: Uint8Array<ArrayBuffer>; readonly key: PrivateJwk };
  readonly issuing: { readonly certificate: Uint8Array<ArrayBuffer>; readonly key: PrivateJwk };
}

const YEAR = 365 * 86_400_000;
const ROOT_YEARS = 20;
const ISSUING_YEARS = 3;
const BACKDATE = 5 * 60_000;
const MARK = ' (DEVELOPMENT, not for production)';

/** A root (P-384) and an issuing CA (P-256) under it. */
export async function createAuthority(plan: AuthorityPlan): Promise<Authority> {
  const rootKey = await generate('P-384', 'root');
  const root = await createRoot(plan, rootKey);
  const issuing = await createIssuing(root, rootKey, plan, plan.random.subarray(16, 32));
  return { root: { certificate: root, key: rootKey }, issuing };
}

/** Another issuing CA under the same root: rotation with overlap. Clients pin the root and notice nothing. */
export async function createIssuing(
  root: Uint8Array,
  rootKey: PrivateJwk,
  { name, development, now }: Omit<AuthorityPlan, 'random'>,
  random: Uint8Array,
): Promise<Authority['issuing']> {
  const certificate = readCertificate(root)!;
  const rootSigner = await jwkSigner(rootKey);
  const key = await generate('P-256', 'issuing');
  const signer = await jwkSigner(key);
  const keyId = keyIdentifier(signer.publicKey);
  const body = certificateBody({
    ...authorityTemplate(`${name} issuing CA ${hex(keyId).slice(0, 8)}`, development, now, ISSUING_YEARS, random),
    issuer: certificate.subject.der,
    key: signer.publicKey,
    keyId,
    issuerKeyId: certificate.subjectKeyId!,
    signatureAlgorithm: rootSigner.algorithm,
    authority: { pathLength: 0 },
  });
  return { certificate: await signBody(body, rootSigner), key };
}

async function createRoot(
  { name, development, now, random }: AuthorityPlan,
  key: PrivateJwk,
): Promise<Uint8Array<ArrayBuffer>> {
  const signer = await jwkSigner(key);
  const keyId = keyIdentifier(signer.publicKey);
  const body = certificateBody({
    ...authorityTemplate(`${name} root CA`, development, now, ROOT_YEARS, random.subarray(0, 16)),
    issuer: null,
    key: signer.publicKey,
    keyId,
    issuerKeyId: keyId,
    signatureAlgorithm: signer.algorithm,
    authority: { pathLength: 1 },
  });
  return signBody(body, signer);
}

function authorityTemplate(name: string, development: boolean, now: number, years: number, random: Uint8Array) {
  const start = Math.floor(now / 1000) * 1000 - BACKDATE;
  return {
    subject: development ? `${name}${MARK}` : name,
    serial: serialFrom(random),
    notBefore: start,
    notAfter: start + years * YEAR,
  };
}

/** A fresh key, named by its role and the first 8 characters of its key identifier. */
async function generate(namedCurve: 'P-256' | 'P-384', role: string): Promise<PrivateJwk> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve }, true, ['sign', 'verify']);
  const { x, y, d } = await crypto.subtle.exportKey('jwk', pair.privateKey);
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey));
  const kid = `${role}-${base64url(keyIdentifier(spki)).slice(0, 8)}`;
  return { kty: 'EC', crv: namedCurve, kid, x: x!, y: y!, d: d! };
}

/** Names an issuer in addresses, lists and indexes: its key identifier, lowercase hexadecimal. */
export function issuerName({ certificate }: Pick<Issuer, 'certificate'>): string {
  return hex(certificate.subjectKeyId ?? new Uint8Array());
}

/** The name that an authority was made with, from its root's common name. */
export function authorityName(root: Certificate): string {
  const [name] = attributeValues(root.subject, '2.5.4.3');
  return (name ?? '').replace(MARK, '').replace(/ root CA$/, '');
}

/** True for a certificate that `createAuthority` made for development; production refuses to start with one. */
export function isDevelopment(certificate: Certificate): boolean {
  return certificate.subject.attributes.some(({ value }) => value?.includes('(DEVELOPMENT') === true);
}
