import * as v from 'valibot';
import { fromBase64url } from '../bytes/base64url.ts';
import { accountOf, ask } from '../http/ask.ts';
import { openNonce } from '../http/auth/nonce.ts';
import { authenticated } from '../http/authenticated.ts';
import { json } from '../http/body.ts';
import { enrollmentChallenge } from '../http/challenge.ts';
import { type AppContext, factory } from '../http/context.ts';
import { judgeDevice, no } from '../http/enrollment.ts';
import { problem } from '../http/problem.ts';
import { ofLink } from '../http/refusals.ts';
import { summaryOf } from '../http/verdict.ts';
import {
  LinkChallengeRequest,
  LinkCommitment,
  LinkGuest,
  LinkId,
  LinkManifest,
  LinkOpening,
  LinkReveal,
  LinkStart,
} from '../protocol/link.ts';

/** `view` of a step; `link` and `expiresAt` of a start or an arrival. */
interface Told {
  readonly view: object;
  readonly link: string;
  readonly expiresAt: number;
}

/** One step of a link; the account judges it, and answers with what that side may see. */
async function step(
  c: AppContext,
  account: string,
  as: { device: string } | { secret: string },
  command: object,
  answer: (told: Told) => Response | Promise<Response>,
): Promise<Response> {
  const link = c.req.param('link');
  if (link !== undefined && !v.is(LinkId, link)) return problem(c, 'bad-request', 'malformed-query');
  const asked = await ask<Told>(c, accountOf(account), { do: 'link', link: link ?? '', as, ...command });
  if (!asked.ok) return asked.response;
  if (asked.value.ok) return answer(asked.value);
  const { slug, reason } = ofLink(asked.value.reason);
  return problem(c, slug, reason);
}

const sponsor = (c: AppContext, command: object) =>
  step(c, c.var.caller.account, { device: c.var.caller.device }, command, ({ view }) => c.json(view));
const newcomer = (c: AppContext, { account, secret }: v.InferOutput<typeof LinkGuest>, command: object) =>
  step(c, account, { secret }, command, ({ view }) => c.json(view));

/** Linking (docs/protocol/directory.md §6): the sponsor is a device of the account, the newcomer knows the invitation's secret. */
export const links = factory
  .createApp()
  .post('/v1/links', authenticated, async (c) => {
    const read = await json(c, LinkStart);
    if (!read.ok) return read.response;
    const { account, device } = c.var.caller;
    const { secretHash } = read.value;
    return step(c, account, { device }, { step: 'start', secretHash }, ({ link, expiresAt }) =>
      c.json({ link, expiresAt }, 201),
    );
  })
  .get('/v1/links/:link', authenticated, (c) => sponsor(c, { step: 'look' }))
  .delete('/v1/links/:link', authenticated, (c) => sponsor(c, { step: 'refuse' }))
  .post('/v1/links/:link/opening', authenticated, async (c) => {
    const read = await json(c, LinkOpening);
    return read.ok ? sponsor(c, { step: 'open', ...read.value }) : read.response;
  })
  .post('/v1/links/:link/manifest', authenticated, async (c) => {
    const read = await json(c, LinkManifest);
    return read.ok ? sponsor(c, { step: 'sign', ...read.value }) : read.response;
  })
  .post('/v1/links/:link/challenges', async (c) => {
    const read = await json(c, LinkChallengeRequest);
    if (!read.ok) return read.response;
    const { account, secret, format } = read.value;
    return step(c, account, { secret }, { step: 'arrive' }, async ({ expiresAt }) =>
      c.json(await enrollmentChallenge(c, { account, format, expiresAt }), 201),
    );
  })
  .post('/v1/links/:link/commitments', async (c) => {
    const read = await json(c, LinkCommitment);
    if (!read.ok) return read.response;
    const { token, commitment } = read.value;
    const opened = openNonce(c.var.services.keys.nonces, token, 'enrol', c.var.services.now());
    if (!opened.ok || opened.nonce.account !== read.value.account)
      return problem(
        c,
        'attestation-refused',
        opened.ok || opened.reason !== 'expired' ? 'challenge' : 'challenge-expired',
      );
    return newcomer(c, read.value, { step: 'commit', device: opened.nonce.device, commitment });
  })
  .post('/v1/links/:link/reveals', async (c) => {
    const read = await json(c, LinkReveal);
    return read.ok ? reveal(c, read.value) : read.response;
  })
  .post('/v1/links/:link/looks', async (c) => {
    const read = await json(c, LinkGuest);
    return read.ok ? newcomer(c, read.value, { step: 'look' }) : read.response;
  })
  .post('/v1/links/:link/refusals', async (c) => {
    const read = await json(c, LinkGuest);
    return read.ok ? newcomer(c, read.value, { step: 'refuse' }) : read.response;
  });

/** Judged here so that the sponsor sees what the hardware says before it signs; judged again, and recorded, when it enrolls. */
async function reveal(c: AppContext, request: v.InferOutput<typeof LinkReveal>): Promise<Response> {
  const { services } = c.var;
  const { account, secret, key, nonce } = request;
  // A stranger makes us judge nothing.
  return step(c, account, { secret }, { step: 'look' }, async () => {
    const judgement = await judgeDevice(
      services,
      request,
      (challenged) =>
        challenged.account === account
          ? { ok: true, account, identityKey: fromBase64url(key) ?? new Uint8Array() }
          : no({ slug: 'attestation-refused', reason: 'challenge' }),
      services.now(),
    );
    if (!judgement.ok) {
      const { slug, reason } = judgement.refusal;
      services.log({ event: 'link.refused', request: c.var.request, reason: judgement.verdict?.reason ?? reason });
      return problem(c, slug, reason);
    }
    const { device, verdict } = judgement.judged;
    return newcomer(c, request, { step: 'reveal', device, key, nonce, verdict: summaryOf(verdict) });
  });
}
