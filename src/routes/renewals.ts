import { base64url } from '../bytes/base64url.ts';
import { mintNonce } from '../http/auth/nonce.ts';
import { ask, deviceOf } from '../http/ask.ts';
import { json } from '../http/body.ts';
import { certify } from '../http/certify.ts';
import { type AppContext, factory } from '../http/context.ts';
import { digestOf } from '../http/digest.ts';
import { keepEvidence } from '../http/evidence.ts';
import { limited } from '../http/limited.ts';
import { problem } from '../http/problem.ts';
import { ofActor } from '../http/refusals.ts';
import { dueReason, judgeRenewal, type RenewalJudgement } from '../http/renewal.ts';
import { CHALLENGE_MS, RenewalChallengeRequest, RenewalRequest } from '../protocol/api.ts';
import type { ReasonOf } from '../protocol/problem.ts';

/** Evidence stays this much longer than the last certificate that stands on it can be renewed, ms. */
const EVIDENCE_MARGIN_MS = 120 * 86_400_000;

/** A new certificate for the same key: no token is asked for, so that a device whose certificate ended gets back in. */
export const renewals = factory
  .createApp()
  .post('/v1/renewals/challenges', limited('challenges'), async (c) => {
    const read = await json(c, RenewalChallengeRequest);
    if (!read.ok) return read.response;
    const { keys, now, random } = c.var.services;
    const serverNow = now();
    const expiresAt = serverNow + CHALLENGE_MS;
    const { account = null, device } = read.value;
    const nonce = { account, device, purpose: 'renew', detail: '', expiresAt } as const;
    return c.json({ token: mintNonce(keys.nonces, nonce, random(16)), expiresAt, serverNow }, 201);
  })
  .post('/v1/renewals', limited('enrollments'), async (c) => {
    const read = await json(c, RenewalRequest);
    if (!read.ok) return read.response;
    const { services } = c.var;
    const judgement = await judgeRenewal(services, read.value, services.now());
    if (!judgement.ok) return refused(c, judgement.reason, judgement.detail ?? null);
    return record(c, read.value, judgement);
  });

/** The judged renewal becomes durable, step by step; every step can be repeated by a retry of the same request. */
async function record(
  c: AppContext,
  request: RenewalRequest,
  { renewal, expiresAt, accepted, stands }: RenewalJudgement & { ok: true },
): Promise<Response> {
  const { services } = c.var;
  const { profile, account, device, verdict, fresh } = renewal;
  const same = base64url(digestOf(JSON.stringify([request.certificate, request.csr, request.fresh, request.overdue])));
  if (!(await services.db.challenges.use(renewal.challenge, same, expiresAt)))
    return problem(c, 'refused', 'challenge-used');
  const kept = accepted && (await keepEvidence(services, accepted, services.now()));
  if (kept?.ok === false) return refused(c, kept.held === 'evidence-cap' ? 'fresh-refused' : 'key-in-use', kept.held);
  const certified = await certify(c, renewal);
  if (!certified.ok) return certified.response;
  if (!certified.value.ok) {
    const due = certified.value.reason === 'proof-due';
    const { slug, reason } = due
      ? ({ slug: 'refused', reason: dueReason(verdict) } as const)
      : ofActor(certified.value.reason);
    return problem(c, slug, reason);
  }
  const { chain, notAfter, freshBy, overdue } = certified.value;
  const evidence = accepted?.posture ? [stands, base64url(accepted.evidence.hash)] : [stands];
  for (const hash of evidence) await services.db.evidence.keep(hash, notAfter, notAfter + EVIDENCE_MARGIN_MS);
  const told = profile === 'call' ? await ask(c, deviceOf(device), { do: 'renewed', notAfter }) : null;
  if (told?.ok === false) return told.response;
  services.log({ event: 'renewal.accepted', request: c.var.request, format: verdict.format, shown: fresh.shown });
  const named = profile === 'call' ? account : null;
  return c.json({ account: named, device, certificate: [...chain], notAfter, freshBy, overdue }, 201);
}

function refused(c: AppContext, reason: ReasonOf<'refused'>, check: string | null): Response {
  c.var.services.log({ event: 'renewal.refused', request: c.var.request, reason, check });
  return problem(c, 'refused', reason);
}
