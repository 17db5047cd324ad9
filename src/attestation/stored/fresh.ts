/**
 * Fresh proof of hardware that was judged before: what each kind of stored evidence lets its device show again, over the
 * transcript of a renewal (docs/decisions/0014-the-renewal-ladder.md). Pure, as the verifiers are.
 */
import * as v from 'valibot';
import { fromBase64url } from '../../bytes/base64url.ts';
import { readAssertion, verifyAssertion as verifyAppAttest } from '../apple/assertion.ts';
import { bytesOfAtMost } from '../fields.ts';
import type { Evidence, Expected, Fields } from '../format.ts';
import { appAttest } from '../formats/app-attest.ts';
import { MAX_CERTIFICATE, readCertificate } from '../path/certificate.ts';
import type { Policy } from '../policy/policy.ts';
import type { TrustStore } from '../trust/store.ts';
import type { Verdict } from '../verdict.ts';
import { verifyEvidence } from '../verify.ts';
import { verifyAssertion as verifyWebauthn } from '../webauthn/assertion.ts';
import { readCoseKey } from '../webauthn/cose-key.ts';
import { readWebauthn } from '../webauthn/registration.ts';
import type { Case } from './seal.ts';

/** Why a fresh proof does not count. `detail` beside it is the operator's. */
export type FreshReason =
  /** Malformed, over another transcript, badly signed, or refused by policy. */
  | 'fresh-refused'
  /** Of another credential or key than the stored evidence is about. */
  | 'fresh-key'
  /** A counter that did not grow. */
  | 'fresh-counter'
  /** The phone is in a worse state than the one that enrolled. */
  | 'posture-worse';

export type FreshProof =
  /** The stored credential signed. `counter` must exceed the last one that was accepted; both zero: it has none. */
  | { readonly by: 'assertion'; readonly counter: number }
  /** Whole evidence in place of the stored one; certificates stand on it from now on. */
  | { readonly by: 'evidence'; readonly counter: number; readonly verdict: Verdict; readonly kept: Case }
  /** Evidence of the phone's state beside the stored one, which goes on speaking for the key. */
  | { readonly by: 'posture'; readonly verdict: Verdict; readonly kept: Case };

export type FreshResult =
  | { readonly ok: true; readonly proof: FreshProof }
  | { readonly ok: false; readonly reason: FreshReason; readonly detail: string };

export interface FreshQuestion {
  /** The stored evidence, and what the deployment expects of new evidence: the renewal's transcript, the same identity key. */
  readonly stored: Case;
  readonly verdict: Verdict;
  readonly expected: Expected;
  readonly trust: TrustStore;
  readonly policy: Policy;
}

type Prover = (fields: Fields, question: FreshQuestion) => Promise<FreshResult>;

/** By the road that the evidence came on. A road that is not here (`linked`) has nothing to show again by itself. */
const PROVERS: Readonly<Record<string, Prover>> = {
  webauthn: (fields, question) => ('attestationObject' in fields ? newEvidence : asserted)(fields, question),
  'app-attest': appAsserted,
  tpm2: certifiedAgain,
  'android-keystore': posture,
};

/** Judges `fields` as this kind of evidence shows itself again; resolves for every input. */
export async function judgeFresh(fields: Fields, question: FreshQuestion): Promise<FreshResult> {
  const prover = PROVERS[question.stored.evidence.format];
  return prover ? prover(fields, question) : no('fresh-refused', 'this kind of evidence shows nothing again');
}

const no = (reason: FreshReason, detail: string): FreshResult => ({ ok: false, reason, detail });

const assertionSchema = v.object({
  credentialId: bytesOfAtMost(1_023),
  clientDataJSON: bytesOfAtMost(4_096),
  authenticatorData: bytesOfAtMost(4_096),
  signature: bytesOfAtMost(1_024),
});

/**
 * WebAuthn L3 §7.2 by the stored credential. Who was verified when the credential was made is verified again, also where
 * policy would let it be.
 */
async function asserted(fields: Fields, { stored, expected, policy }: FreshQuestion): Promise<FreshResult> {
  const read = v.safeParse(assertionSchema, fields);
  const credential = webauthnCredential(stored.evidence);
  if (!read.success || !credential) return no('fresh-refused', 'syntax');
  const { credentialId, clientDataJSON: clientDataJson, authenticatorData, signature } = read.output;
  const userVerification = policy.webauthn.userVerification || credential.userVerified;
  const result = await verifyWebauthn(
    { credentialId, clientDataJson, authenticatorData, signature },
    credential,
    { challenge: expected.transcript, rpId: expected.rpId, origins: expected.origins },
    { ...policy, webauthn: { ...policy.webauthn, userVerification } },
  );
  if (result.ok) return { ok: true, proof: { by: 'assertion', counter: result.signCount } };
  const failed = result.checks.find(({ outcome }) => outcome === 'fail')?.id ?? result.reason;
  if (result.reason === 'counter') return no('fresh-counter', failed);
  return no(result.reason === 'key-mismatch' ? 'fresh-key' : 'fresh-refused', failed);
}

function webauthnCredential(evidence: Evidence) {
  const bytes = (name: string) => fromBase64url(String(evidence[name])) ?? new Uint8Array();
  const read = readWebauthn(bytes('attestationObject'), bytes('clientDataJSON'));
  const key = read && readCoseKey(read.credential.publicKey);
  if (!read || !key?.ok) return null;
  const { signCount, flags } = read.data;
  return {
    credentialId: read.credential.credentialId,
    attestedKey: key.spki,
    algorithm: key.algorithm,
    signCount,
    backupEligible: flags.backupEligible,
    userVerified: flags.userVerified,
  };
}

/** A credential made anew, vouching for the same identity key: for whoever lost the stored one, or was asked for it. */
async function newEvidence(fields: Fields, question: FreshQuestion): Promise<FreshResult> {
  const { stored, expected, trust, policy } = question;
  const evidence = { ...fields, format: stored.evidence.format };
  const verdict = await verifyEvidence(evidence, expected, trust, policy);
  if (verdict.decision !== 'accept') return no('fresh-refused', failedIn(verdict));
  const { signCount } = verdict.facts;
  const counter = typeof signCount === 'number' ? signCount : 0;
  return { ok: true, proof: { by: 'evidence', counter, verdict, kept: { evidence, expected } } };
}

const appAssertionSchema = v.object({ assertion: bytesOfAtMost(1_024) });

/** Apple, "Validating apps that connect to your server", Verify the assertion: the transcript is the client data. */
async function appAsserted(fields: Fields, { stored, expected, policy }: FreshQuestion): Promise<FreshResult> {
  const read = v.safeParse(appAssertionSchema, fields);
  const attestedKey = appAttest.read(stored.evidence)?.certificates[0]?.spki;
  if (!read.success || !attestedKey || !readAssertion(read.output.assertion)) return no('fresh-refused', 'syntax');
  const result = await verifyAppAttest(read.output.assertion, {
    clientData: expected.transcript,
    attestedKey,
    applications: policy.apple.applications,
    previousCounter: 0,
  });
  if (result.ok) return { ok: true, proof: { by: 'assertion', counter: result.counter } };
  return no(result.reason === 'counter' ? 'fresh-counter' : 'fresh-refused', `app-attest.assertion-${result.reason}`);
}

const certifySchema = v.object({ certify: v.unknown(), quote: v.optional(v.unknown()) });

/** TPM2_Certify once more, by the attestation key that was activated at enrollment: all the rest stands as it was shown then. */
async function certifiedAgain(fields: Fields, question: FreshQuestion): Promise<FreshResult> {
  const read = v.safeParse(certifySchema, fields);
  if (!read.success) return no('fresh-refused', 'syntax');
  const { stored, trust, policy } = question;
  const { activation } = stored.expected;
  const { quote: _quote, ...rest } = stored.evidence;
  const evidence: Evidence = { ...rest, format: stored.evidence.format, ...read.output };
  const expected = { ...question.expected, ...(activation !== undefined && { activation }) };
  const verdict = await verifyEvidence(evidence, expected, trust, policy);
  if (verdict.decision !== 'accept')
    return no(verdict.reason === 'key-mismatch' ? 'fresh-key' : 'fresh-refused', failedIn(verdict));
  return { ok: true, proof: { by: 'evidence', counter: 0, verdict, kept: { evidence, expected } } };
}

const postureSchema = v.object({ certificateChain: v.pipe(v.array(bytesOfAtMost(MAX_CERTIFICATE)), v.minLength(1)) });

/**
 * Android Keystore cannot attest a key again. A throw-away key attested over the transcript shows the phone as it is now;
 * the identity key signs for the same transcript in its request. It is vouched: nothing proves that both keys are in one
 * phone, so the phone must be of the same make and at least as well kept as the one that enrolled.
 */
async function posture(fields: Fields, question: FreshQuestion): Promise<FreshResult> {
  const read = v.safeParse(postureSchema, fields);
  const leaf = read.success ? readCertificate(read.output.certificateChain[0]!) : null;
  if (!leaf) return no('fresh-refused', 'syntax');
  const { stored, trust, policy } = question;
  const evidence: Evidence = { format: stored.evidence.format, certificateChain: fields['certificateChain'] };
  const expected = { ...question.expected, identityKey: leaf.spki };
  const verdict = await verifyEvidence(evidence, expected, trust, policy);
  if (verdict.decision !== 'accept') return no('fresh-refused', failedIn(verdict));
  const worse = worsened(question.verdict, verdict);
  if (worse !== null) return no('posture-worse', worse);
  return { ok: true, proof: { by: 'posture', verdict, kept: { evidence, expected } } };
}

/** What of a phone may not change for the worse, by name; null: nothing did. */
function worsened(before: Verdict, now: Verdict): string | null {
  const [then, today] = [before, now].map(({ assurance, facts }) => {
    const android = facts['android'] as { readonly [name: string]: unknown } | undefined;
    return { ...assurance, bootKey: android?.['verifiedBootKey'], packages: JSON.stringify(android?.['packages']) };
  }) as [Posture, Posture];
  if ((today.patchLevel ?? 0) < (then.patchLevel ?? 0)) return 'patch-level';
  if (today.bootState !== then.bootState && today.bootState !== 'verified') return 'boot-state';
  if (today.bootKey !== then.bootKey) return 'verified-boot-key';
  if (today.packages !== then.packages) return 'packages';
  return then.attestedKeyHardware === 'strongbox' && today.attestedKeyHardware !== 'strongbox' ? 'hardware' : null;
}

type Posture = Verdict['assurance'] & { readonly bootKey: unknown; readonly packages: string };

function failedIn({ checks, reason }: Verdict): string {
  return checks.find(({ outcome }) => outcome === 'fail')?.id ?? reason ?? 'refused';
}
