import { ACTIVATION_RANDOMNESS, challengeActivation } from '../attestation/tpm/activation.ts';
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import type { Verdict } from '../attestation/verdict.ts';
import type { HeldEnrollment, Kept } from '../db/repositories.ts';
import { digest, digestOf } from '../http/digest.ts';
import { sealActivation } from '../http/activation.ts';
import { accountOf, ask, deviceOf } from '../http/ask.ts';
import { openNonce } from '../http/auth/nonce.ts';
import { json } from '../http/body.ts';
import { enrollmentChallenge } from '../http/challenge.ts';
import { certify } from '../http/certify.ts';
import { type AppContext, factory } from '../http/context.ts';
import { type Judged, judgeEnrollment } from '../http/enrollment.ts';
import { keepEvidence } from '../http/evidence.ts';
import { byInventory, HELD_MS } from '../http/inventory.ts';
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
    const id = base64url(digestOf(read.value.token));
    const held = services.policy.inventory === 'off' ? null : await services.db.inventory.held(id, now);
    const judgement = await judgeEnrollment(services, read.value, now, held?.at ?? null);
    if (!judgement.ok) {
      const { slug, reason } = judgement.refusal;
      refusedFor(c, judgement.verdict, reason);
      return problem(c, slug, reason);
    }
    const verdict = await byInventory(services, judgement.judged, held);
    if (verdict.decision === 'refuse') {
      refusedFor(c, verdict, 'policy');
      return problem(c, 'attestation-refused', 'policy');
    }
    return record(c, read.value, { ...judgement.judged, verdict }, { id, held, now });
  });

function refusedFor(c: AppContext, verdict: Verdict | undefined, reason: string): void {
  const check = verdict?.checks.find(({ outcome }) => outcome === 'fail')?.id ?? null;
  const event = 'enrollment.refused';
  c.var.services.log({ event, request: c.var.request, reason: verdict?.reason ?? reason, check });
}

interface Holding {
  /** Names the challenge among those held. */
  readonly id: string;
  readonly held: HeldEnrollment | null;
  readonly now: number;
}

/** The judged enrollment becomes durable, step by step; every step can be repeated by a retry of the same request. */
async function record(
  c: AppContext,
  request: EnrollmentRequest,
  judged: Judged,
  { id, held, now }: Holding,
): Promise<Response> {
  const { services } = c.var;
  const { account, device, challenge, verdict } = judged;
  const same = base64url(digestOf(JSON.stringify([request.evidence, request.csr, request.manifest])));
  const another = held !== null && held.request !== same;
  if (another || !(await services.db.challenges.use(challenge, same, judged.nonce.expiresAt)))
    return problem(c, 'attestation-refused', 'challenge-used');
  const refused = held === null ? await admit(c, request, judged) : null;
  if (refused !== null) return refused;
  if (verdict.decision === 'hold') {
    const { format } = verdict;
    const waits = {
      id,
      request: same,
      account,
      device,
      format,
      state: 'asked',
      at: now,
      until: now + HELD_MS,
    } as const;
    if (held === null) await services.db.inventory.hold(waits);
    return problem(c, 'attestation-refused', 'held');
  }
  const kept = await keepEvidence(services, { ...judged, key: judged.proven.key, posture: false }, now);
  if (!kept.ok) return notKept(c, kept.held);
  const certified = await certify(c, judged);
  if (!certified.ok) return certified.response;
  if (!certified.value.ok) {
    const { slug, reason } = ofActor(certified.value.reason);
    return problem(c, slug, reason);
  }
  services.log({
    event: 'enrollment.accepted',
    request: c.var.request,
    format: verdict.format,
    hardware: verdict.assurance.attestedKeyHardware,
  });
  if (judged.profile === 'device') return c.json(enrollment(judged, certified.value, null), 201);
  const pushToken = services.random(32);
  const registered = await ask(c, deviceOf(device), {
    do: 'register',
    account,
    key: base64url(judged.proven.key),
    pushTokenHash: base64url(digest(pushToken)),
  });
  if (!registered.ok) return registered.response;
  if (!registered.value.ok) return problem(c, 'forbidden', 'registered-otherwise');
  return c.json(enrollment(judged, certified.value, base64url(pushToken)), 201);
}

/** The device takes its place: in its account, or, without one, under its own name. A response: it does not. */
function admit(c: AppContext, request: EnrollmentRequest, judged: Judged): Promise<Response | null> {
  return judged.profile === 'device' ? enlist(c, judged) : committed(c, judged.account, request);
}

async function enlist(c: AppContext, { account, device, proven }: Judged): Promise<Response | null> {
  const asked = await ask(c, accountOf(account), { do: 'enlist', device, key: base64url(proven.key) });
  if (!asked.ok) return asked.response;
  if (asked.value.ok) return null;
  const { slug, reason } = ofActor(asked.value.reason);
  return problem(c, slug, reason);
}

/** A device that is held is in its account from the first, so that its manifest does not grow old; a certificate is another thing. */
async function committed(c: AppContext, account: string, request: EnrollmentRequest): Promise<Response | null> {
  const answer = await commitManifest(c, account, request.manifest!);
  if (!answer.ok) return answer.response;
  if (answer.value.ok) return null;
  const { slug, reason } = ofManifest(answer.value.reason);
  return problem(c, slug, reason);
}

function notKept(c: AppContext, held: (Kept & { ok: false })['held']): Response {
  c.var.services.log({ event: 'enrollment.refused', request: c.var.request, reason: held, check: null });
  const { slug, reason } = held === 'evidence-cap' ? ofAttestation(held) : ({ slug: 'refused', reason: held } as const);
  return problem(c, slug, reason);
}

function enrollment(
  { profile, account, device, verdict }: Judged,
  certified: { chain: readonly string[]; notAfter: number },
  pushToken: string | null,
): Enrollment {
  return {
    account: profile === 'device' ? null : account,
    device,
    certificate: [...certified.chain],
    notAfter: certified.notAfter,
    verdict: summaryOf(verdict),
    pushToken,
  };
}
