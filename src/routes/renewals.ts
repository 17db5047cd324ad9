import { base64url } from '../bytes/base64url.ts';
import { mintNonce } from '../http/auth/nonce.ts';
import { json } from '../http/body.ts';
import { certify } from '../http/certify.ts';
import { factory } from '../http/context.ts';
import { digestOf } from '../http/digest.ts';
import { problem } from '../http/problem.ts';
import { ofActor } from '../http/refusals.ts';
import { judgeRenewal } from '../http/renewal.ts';
import { CHALLENGE_MS, RenewalChallengeRequest, RenewalRequest } from '../protocol/api.ts';

/** Evidence stays this much longer than the last certificate that stands on it can be renewed, ms. */
const EVIDENCE_MARGIN_MS = 120 * 86_400_000;

/** A new certificate for the same key: no token is asked for, so that a device whose certificate ended gets back in. */
export const renewals = factory
  .createApp()
  .post('/v1/renewals/challenges', async (c) => {
    const read = await json(c, RenewalChallengeRequest);
    if (!read.ok) return read.response;
    const { keys, now, random } = c.var.services;
    const serverNow = now();
    const expiresAt = serverNow + CHALLENGE_MS;
    const nonce = { ...read.value, purpose: 'renew', detail: '', expiresAt } as const;
    return c.json({ token: mintNonce(keys.nonces, nonce, random(16)), expiresAt, serverNow }, 201);
  })
  .post('/v1/renewals', async (c) => {
    const read = await json(c, RenewalRequest);
    if (!read.ok) return read.response;
    const { services } = c.var;
    const judgement = await judgeRenewal(services, read.value, services.now());
    if (!judgement.ok) {
      const { reason, detail } = judgement;
      services.log({ event: 'renewal.refused', request: c.var.request, reason, check: detail ?? null });
      return problem(c, 'refused', reason);
    }
    const { renewal, expiresAt } = judgement;
    const same = base64url(digestOf(JSON.stringify([read.value.certificate, read.value.csr])));
    if (!(await services.db.challenges.use(renewal.challenge, same, expiresAt)))
      return problem(c, 'refused', 'challenge-used');
    const certified = await certify(c, renewal);
    if (!certified.ok) return certified.response;
    if (!certified.value.ok) {
      const { slug, reason } = ofActor(certified.value.reason);
      return problem(c, slug, reason);
    }
    const { chain, notAfter } = certified.value;
    await services.db.evidence.keep(base64url(renewal.evidence.hash), notAfter, notAfter + EVIDENCE_MARGIN_MS);
    services.log({ event: 'renewal.accepted', request: c.var.request, format: renewal.verdict.format });
    const { account, device } = renewal;
    return c.json({ account, device, certificate: [...chain], notAfter }, 201);
  });
