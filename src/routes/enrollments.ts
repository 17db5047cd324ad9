import { ACTIVATION_RANDOMNESS, challengeActivation } from '../attestation/tpm/activation.ts';
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import type { Kept } from '../db/repositories.ts';
import { digest, digestOf } from '../http/digest.ts';
import { sealActivation } from '../http/activation.ts';
import { ask, deviceOf } from '../http/ask.ts';
import { openNonce } from '../http/auth/nonce.ts';
import { json } from '../http/body.ts';
import { enrollmentChallenge } from '../http/challenge.ts';
import { certify } from '../http/certify.ts';
import { type AppContext, factory } from '../http/context.ts';
import { type Judged, judgeEnrollment } from '../http/enrollment.ts';
import { keepEvidence } from '../http/evidence.ts';
import { limited } from '../http/limited.ts';
import { commitManifest } from '../http/manifests.ts';
import { problem } from '../http/problem.ts';
import { ofActor, ofAttestation, ofManifest } from '../http/refusals.ts';
import { summaryOf } from '../http/verdict.ts';
import {
  ActivationRequest,
  CHALLENGE_MS,
  ChallengeRequest,
  EnrollmentRequest,
  type Enrollment,
} from '../protocol/api.ts';

/** The way in: challenge, (for a TPM) activation, evidence, certificate. */
export const enrollments = factory
  .createApp()
  .post('/v1/enrollments/challenges', limited('challenges'), async (c) => {
    const read = await json(c, ChallengeRequest);
    if (!read.ok) return read.response;
    const { format, account } = read.value;
    const expiresAt = c.var.services.now() + CHALLENGE_MS;
    return c.json(await enrollmentChallenge(c, { account: account ?? null, format, expiresAt }), 201);
  })
  .post('/v1/enrollments/activations', limited('challenges'), async (c) => {
    const read = await json(c, ActivationRequest);
    if (!read.ok) return read.response;
    const { services } = c.var;
    const opened = openNonce(services.keys.nonces, read.value.token, 'enrol', services.now());
    if (!opened.ok || opened.nonce.detail !== 'tpm2') return problem(c, 'attestation-refused', 'challenge');
    const { token, endorsementKey, attestationKey } = read.value;
    const answer = await challengeActivation(
      fromBase64url(endorsementKey) ?? new Uint8Array(),
      fromBase64url(attestationKey) ?? new Uint8Array(),
      digestOf(token),
      services.random(ACTIVATION_RANDOMNESS),
    );
    if (!answer.ok) {
      const { slug, reason } = ofAttestation(answer.reason);
      return problem(c, slug, reason);
    }
    const { credentialBlob, encryptedSecret } = answer.credential;
    return c.json({
      credentialBlob: base64url(credentialBlob),
      encryptedSecret: base64url(encryptedSecret),
      activation: sealActivation(services.keys.nonces[0], answer.state),
    });
  })
  .post('/v1/enrollments', limited('enrollments'), async (c) => {
    const read = await json(c, EnrollmentRequest);
    if (!read.ok) return read.response;
    const { services } = c.var;
    const now = services.now();
    const judgement = await judgeEnrollment(services, read.value, now);
    if (!judgement.ok) {
      const { slug, reason } = judgement.refusal;
      const failed = judgement.verdict?.checks.find((check) => check.outcome === 'fail');
      services.log({
        event: 'enrollment.refused',
        request: c.var.request,
        reason: judgement.verdict?.reason ?? reason,
        check: failed?.id ?? null,
      });
      return problem(c, slug, reason);
    }
    return record(c, read.value, judgement.judged, now);
  });

/** The judged enrollment becomes durable, step by step; every step can be repeated by a retry of the same request. */
async function record(c: AppContext, request: EnrollmentRequest, judged: Judged, now: number): Promise<Response> {
  const { services } = c.var;
  const { account, device, challenge, verdict } = judged;
  const same = base64url(digestOf(JSON.stringify([request.evidence, request.csr, request.manifest])));
  if (!(await services.db.challenges.use(challenge, same, judged.nonce.expiresAt)))
    return problem(c, 'attestation-refused', 'challenge-used');
  const committed = await commitManifest(c, account, request.manifest!);
  if (!committed.ok) return committed.response;
  if (!committed.value.ok) {
    const { slug, reason } = ofManifest(committed.value.reason);
    return problem(c, slug, reason);
  }
  const kept = await keepEvidence(services, { ...judged, key: judged.proven.key, posture: false }, now);
  if (!kept.ok) return notKept(c, kept.held);
  const certified = await certify(c, judged);
  if (!certified.ok) return certified.response;
  if (!certified.value.ok) {
    const { slug, reason } = ofActor(certified.value.reason);
    return problem(c, slug, reason);
  }
  const pushToken = services.random(32);
  const registered = await ask(c, deviceOf(device), {
    do: 'register',
    account,
    key: base64url(judged.proven.key),
    pushTokenHash: base64url(digest(pushToken)),
  });
  if (!registered.ok) return registered.response;
  if (!registered.value.ok) return problem(c, 'forbidden', 'registered-otherwise');
  services.log({
    event: 'enrollment.accepted',
    request: c.var.request,
    format: verdict.format,
    hardware: verdict.assurance.attestedKeyHardware,
  });
  return c.json(enrollment(judged, certified.value, base64url(pushToken)), 201);
}

function notKept(c: AppContext, held: (Kept & { ok: false })['held']): Response {
  c.var.services.log({ event: 'enrollment.refused', request: c.var.request, reason: held, check: null });
  const { slug, reason } = held === 'evidence-cap' ? ofAttestation(held) : ({ slug: 'refused', reason: held } as const);
  return problem(c, slug, reason);
}

function enrollment(
  { account, device, verdict }: Judged,
  certified: { chain: readonly string[]; notAfter: number },
  pushToken: string,
): Enrollment {
  return {
    account,
    device,
    certificate: [...certified.chain],
    notAfter: certified.notAfter,
    verdict: summaryOf(verdict),
    pushToken,
  };
}
