import type { Verdict } from '../attestation/verdict.ts';
import { base64url } from '../bytes/base64url.ts';
import { hex } from '../bytes/hex.ts';
import { equal } from '../bytes/join.ts';
import { writeAssurance } from '../identity/assurance.ts';
import { OID_ASSURANCE, SAN_SCHEME } from '../protocol/identity.ts';
import type { Issuer } from './authority.ts';
import { lint, type LintFinding } from './lint.ts';
import { keyIdentifier, serialFrom } from './names.ts';
import type { Profile } from './profile.ts';
import type { ProvenKey } from './request.ts';
import { signBody, wrap } from './sign.ts';
import type { Signer } from './signer.ts';
import { certificateBody } from './x509.ts';

export interface IssuanceRequest {
  /** From `readRequest`, concluded. */
  readonly proven: ProvenKey;
  /** The account whose committed manifest holds (device, key); null for profile `device`. The caller has checked it. */
  readonly account: string | null;
  readonly device: string;
  /** SHA-256 of the evidence as received, 32 bytes. */
  readonly evidence: Uint8Array;
  /** Milliseconds; the profile's usual when absent. */
  readonly validity?: number;
}

export type IssuanceReason =
  | 'verdict-not-accepted'
  | 'key-mismatch'
  | 'account-missing'
  | 'account-unexpected'
  | 'validity'
  | 'issuer-expired'
  | 'lint';

export type Prepared =
  | { readonly ok: true; readonly token: LintedCertificate }
  | { readonly ok: false; readonly reason: IssuanceReason; readonly findings?: readonly LintFinding[] };

const KEY = Symbol('only prepare() makes linted certificates');

/**
 * A certificate body that passed every lint and waits for its one signature. Only `prepare` makes one; the private fields make the
 * type unforgeable, the symbol its constructor.
 */
class LintedCertificate {
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly #body: Uint8Array<ArrayBuffer>;
  readonly #issuerKey: Uint8Array;
  #spent = false;

  constructor(
    key: symbol,
    body: Uint8Array<ArrayBuffer>,
    issuerKey: Uint8Array,
    facts: { serial: string; notBefore: number; notAfter: number },
  ) {
    if (key !== KEY) throw new TypeError('a linted certificate comes from prepare()');
    this.#body = body;
    this.#issuerKey = issuerKey;
    this.serial = facts.serial;
    this.notBefore = facts.notBefore;
    this.notAfter = facts.notAfter;
  }

  /** The body, once, and only for the key that it names as its issuer. */
  static spend(token: LintedCertificate, signer: Signer): Uint8Array<ArrayBuffer> {
    if (!(#spent in token)) throw new TypeError('not a linted certificate');
    if (token.#spent) throw new TypeError(`certificate ${token.serial} was already handed to a signer`);
    if (!equal(token.#issuerKey, signer.publicKey))
      throw new TypeError('this signer is not the issuer that was linted');
    token.#spent = true;
    return token.#body;
  }
}
export type { LintedCertificate };

/**
 * Validates, builds and lints. `now` in milliseconds, `random` 16 bytes for the serial; the bytes of a serial that
 * was written down give that serial again (a retry). Write the token's serial down before `issue`:
 * a crash then leaves an intent that everybody can see, never a certificate that nobody recorded.
 */
export function prepare(
  profile: Profile,
  request: IssuanceRequest,
  verdict: Verdict,
  issuer: Issuer,
  now: number,
  random: Uint8Array,
): Prepared {
  const refused = refusal(profile, request, verdict, issuer, now);
  if (refused) return { ok: false, reason: refused };
  const { key } = request.proven;
  const serial = serialFrom(random);
  const notBefore = Math.max(seconds(now - profile.backdate), issuer.certificate.notBefore);
  const wanted = seconds(now) + (request.validity ?? profile.validity.usual);
  const notAfter = Math.min(wanted, issuer.certificate.notAfter);
  const body = certificateBody({
    serial,
    subject: request.device,
    issuer: issuer.certificate.subject.der,
    notBefore,
    notAfter,
    key,
    keyId: keyIdentifier(key),
    issuerKeyId: issuer.certificate.subjectKeyId!,
    signatureAlgorithm: issuer.signer.algorithm,
    extendedKeyUsage: profile.extendedKeyUsage,
    uri: `${SAN_SCHEME}${request.account ?? ''}/${request.device}`,
    crl: issuer.urls.crl,
    issuers: issuer.urls.issuers,
    own: { oid: OID_ASSURANCE, value: writeAssurance(statement(verdict, request.evidence)) },
  });
  const findings = lint(unsigned(body, issuer), profile, issuer, request, now);
  if (findings.length > 0) return { ok: false, reason: 'lint', findings };
  const facts = { serial: hex(serial), notBefore, notAfter };
  return { ok: true, token: new LintedCertificate(KEY, body, issuer.signer.publicKey, facts) };
}

/** Signs what was linted, once. DER of the certificate. Rejects with SignerUnavailable; the token is spent all the same. */
export function issue(token: LintedCertificate, signer: Signer): Promise<Uint8Array<ArrayBuffer>> {
  return signBody(LintedCertificate.spend(token, signer), signer);
}

function refusal(
  profile: Profile,
  { proven, account, validity }: IssuanceRequest,
  verdict: Verdict,
  issuer: Issuer,
  now: number,
): IssuanceReason | null {
  if (verdict.decision !== 'accept') return 'verdict-not-accepted';
  const attested = verdict.identityBinding === 'key-attested';
  if (attested && verdict.attestedKey !== base64url(proven.key)) return 'key-mismatch';
  if (profile.names === 'account' && account === null) return 'account-missing';
  if (profile.names === 'device' && account !== null) return 'account-unexpected';
  const { least, usual, most } = profile.validity;
  const wanted = validity ?? usual;
  if (!Number.isSafeInteger(wanted) || wanted < least || wanted > most) return 'validity';
  return issuer.certificate.notAfter - now < least || now < issuer.certificate.notBefore ? 'issuer-expired' : null;
}

function statement(verdict: Verdict, evidence: Uint8Array) {
  return {
    format: verdict.format,
    binding: verdict.identityBinding,
    attestedKeyHardware: verdict.assurance.attestedKeyHardware,
    identityKeyHardware: verdict.assurance.identityKeyHardware,
    freshness: verdict.assurance.freshness,
    policy: verdict.policy,
    evidence,
  };
}

/** Whole seconds: what certificates can say. */
function seconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

/** The body in the shape of a certificate, for the reader of the lints; its signature is a placeholder. */
function unsigned(body: Uint8Array, { signer }: Issuer): Uint8Array {
  return wrap(body, signer.algorithm, new Uint8Array(signer.algorithm === 'ES256' ? 64 : 96).fill(1));
}
