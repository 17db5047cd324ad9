/** One whole `tpm2` enrollment between a software TPM and the verifier, with every part open to change. */
import type { Expected } from '../../../src/attestation/format.ts';
import type { Policy } from '../../../src/attestation/policy/policy.ts';
import { policies } from '../../../src/attestation/policy/shipped.ts';
import type { ActivationState } from '../../../src/attestation/tpm/activation.ts';
import { ACTIVATION_RANDOMNESS, challengeActivation } from '../../../src/attestation/tpm/activation.ts';
import type { Tpm2Json } from '../../../src/attestation/tpm/evidence.ts';
import { enrollmentTranscript } from '../../../src/attestation/transcript.ts';
import type { TrustStore } from '../../../src/attestation/trust/store.ts';
import type { Reason, Verdict } from '../../../src/attestation/verdict.ts';
import { verifyEvidence } from '../../../src/attestation/verify.ts';
import { base64url, fromBase64url } from '../../../src/bytes/base64url.ts';
import type { EnrollmentFields } from '../../../src/bytes/transcript.ts';
import type { Endorsement } from '../../../src/sdk/tpm/endorsement.ts';
import type { ActivationRequest, IdentityTemplates } from '../../../src/sdk/tpm/identity.ts';
import { TpmIdentity } from '../../../src/sdk/tpm/identity.ts';
import type { Tpm } from '../../../src/sdk/tpm/tpm.ts';
import { TEST_NOW } from './ca.ts';

export const random = (length: number): Uint8Array<ArrayBuffer> => crypto.getRandomValues(new Uint8Array(length));

export interface Enrollment {
  readonly evidence: Tpm2Json;
  readonly expected: Expected;
  readonly state: ActivationState;
  readonly fields: EnrollmentFields;
  readonly secret: Uint8Array;
  readonly identity: TpmIdentity;
}

export interface Wishes extends Partial<IdentityTemplates> {
  readonly endorsement?: Endorsement;
  /** What the client signs over instead of what the server expects. */
  readonly signs?: Partial<EnrollmentFields>;
  readonly pcrs?: Parameters<TpmIdentity['attest']>[3];
}

/** Runs the client against the server's pure functions. The identity keeps its slot: close it. */
export async function enroll(tpm: Tpm, wishes: Wishes = {}): Promise<Enrollment> {
  const identity = await TpmIdentity.create(tpm, wishes);
  const request = await identity.activationRequest(wishes.endorsement);
  if (request === null) throw new Error('the TPM has no endorsement certificate');
  const nonce = random(32);
  const { credential, state } = await challenge(request, nonce);
  const activated = await identity.activate(credential);
  const fields: EnrollmentFields = {
    origin: 'https://calls.example',
    format: 'tpm2',
    nonce,
    purpose: 'enrol',
    deviceId: random(16),
    identityKey: identity.spki,
    accountId: random(32),
  };
  const signed = enrollmentTranscript({ ...fields, ...wishes.signs });
  const evidence = await identity.attest(request, activated, signed, wishes.pcrs);
  const expected = {
    transcript: enrollmentTranscript(fields),
    identityKey: identity.spki,
    now: TEST_NOW,
    rpId: '',
    origins: [],
    activation: state,
  };
  return { evidence, expected, state, fields, secret: fromBase64url(activated.secret)!, identity };
}

export async function challenge(
  request: Pick<ActivationRequest, 'endorsementKey' | 'attestationKey'>,
  nonce: Uint8Array,
) {
  const [endorsement, attestation] = [request.endorsementKey, request.attestationKey].map((text) =>
    fromBase64url(text)!,
  );
  const answer = await challengeActivation(endorsement!, attestation!, nonce, random(ACTIVATION_RANDOMNESS));
  if (!answer.ok) throw new Error(`no activation challenge: ${answer.reason}`);
  const { credentialBlob, encryptedSecret } = answer.credential;
  const credential = { credentialBlob: base64url(credentialBlob), encryptedSecret: base64url(encryptedSecret) };
  return { credential, state: answer.state };
}

/** The verdict, with `reason: null` for an acceptance. */
export async function judge(
  evidence: { readonly [name: string]: unknown },
  expected: Expected,
  trust: TrustStore,
  policy: Policy = policies.standard,
): Promise<Omit<Verdict, 'reason'> & { readonly reason: Reason | null }> {
  const verdict = await verifyEvidence({ ...evidence, format: 'tpm2' }, expected, trust, policy);
  return { ...verdict, reason: verdict.reason ?? null };
}
