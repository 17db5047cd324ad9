import * as v from 'valibot';
import { attestInDevelopment } from '../attestation/development/attester.ts';
import { fromBase64url } from '../bytes/base64url.ts';
import { json } from '../http/body.ts';
import { factory } from '../http/context.ts';
import { problem } from '../http/problem.ts';
import { encoded } from '../protocol/identity.ts';

const AttestationRequest = v.object({ transcript: encoded(32) });

/** What only a development deployment has: an attester for machines without hardware, and an inbox for codes. */
export const development = factory
  .createApp()
  .post('/v1/development/attestations', async (c) => {
    const { services } = c.var;
    const root = services.developmentRoot;
    if (services.deployment.environment !== 'development' || root === null)
      return problem(c, 'not-found', 'development-only');
    const read = await json(c, AttestationRequest);
    if (!read.ok) return read.response;
    const challenge = fromBase64url(read.value.transcript);
    const origin = services.deployment.origins[0];
    if (!challenge || origin === undefined) return problem(c, 'bad-request', 'malformed-body');
    const { evidence } = await attestInDevelopment(
      root,
      { challenge, rpId: services.deployment.rpId, origin },
      services.now(),
      services.random(48),
    );
    return c.json({ evidence });
  })
  .get('/v1/development/inbox', (c) => {
    const { inbox, deployment } = c.var.services;
    if (deployment.environment !== 'development' || inbox === null) return problem(c, 'not-found', 'development-only');
    const code = inbox(c.req.query('handle') ?? '');
    return code === null ? problem(c, 'not-found', 'nothing-sent') : c.json({ code });
  });
