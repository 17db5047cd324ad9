import { base64url } from '../bytes/base64url.ts';
import { verifyClientAssertion } from '../http/auth/client-assertion.ts';
import { mintAccessToken } from '../http/auth/access-token.ts';
import { verifyProof } from '../http/auth/dpop.ts';
import { accountOf, ask } from '../http/ask.ts';
import { withNonce } from '../http/authenticated.ts';
import { form } from '../http/body.ts';
import { limited } from '../http/limited.ts';
import { ofStanding } from '../http/refusals.ts';
import { type AppContext, factory } from '../http/context.ts';
import { expectation } from '../http/identity.ts';
import { ACCESS_TOKEN_S } from '../protocol/api.ts';
import { PROBLEMS, type TokenReason } from '../protocol/problem.ts';
import { CLIENT_ASSERTION_TYPE } from '../protocol/request.ts';
import { thumbprint } from '../identity/proof.ts';

const PATH = '/v1/token';

/** RFC 6749 §5.2 with RFC 9457's members beside it: OAuth libraries read `error`, everybody else the rest. */
function oauthError(c: AppContext, error: string, reason: TokenReason): Response {
  const status = error === 'invalid_client' ? 401 : 400;
  const slug = status === 401 ? 'unauthenticated' : 'bad-request';
  const { origin } = c.var.services.deployment;
  return c.json(
    { error, type: `${origin}/problems/${slug}`, title: PROBLEMS[slug].title, status, reason, instance: c.var.request },
    status,
  );
}

/** POST /v1/token: a client assertion by the certified key (RFC 7523) for a token bound to that key (RFC 9449). */
export const token = factory.createApp().post(PATH, limited('tokens'), async (c) => {
  const { services } = c.var;
  const { deployment, keys } = services;
  const now = services.now();
  withNonce(c);
  c.header('Cache-Control', 'no-store');
  const read = await form(c);
  if (!read.ok) return read.response;
  const fields = read.value;
  if (fields.get('grant_type') !== 'client_credentials') return oauthError(c, 'unsupported_grant_type', 'grant-type');
  if (fields.get('client_assertion_type') !== CLIENT_ASSERTION_TYPE)
    return oauthError(c, 'invalid_client', 'credentials-missing');
  const asserted = await verifyClientAssertion(
    fields.get('client_assertion') ?? '',
    deployment.origin,
    expectation(services, now),
  );
  if (!asserted.ok) return oauthError(c, 'invalid_client', asserted.reason);
  const shown = await verifyProof(c.req.header('DPoP') ?? '', {
    method: 'POST',
    url: `${deployment.origin}${PATH}`,
    accessToken: null,
    nonceKeys: keys.nonces,
    now,
  });
  if (!shown.ok)
    return oauthError(c, shown.reason === 'proof-nonce' ? 'use_dpop_nonce' : 'invalid_dpop_proof', shown.reason);
  const { identity, jti, replayUntil } = asserted.client;
  if (shown.proof.jkt !== thumbprint(identity.key)) return oauthError(c, 'invalid_dpop_proof', 'proof-key');
  if (identity.account === null) return oauthError(c, 'invalid_client', 'no-account');
  const standing = await ask(c, accountOf(identity.account), {
    do: 'authorize',
    device: identity.device,
    key: base64url(identity.key),
    proof: { id: jti, until: replayUntil },
  });
  if (!standing.ok) return standing.response;
  if (!standing.value.ok) return oauthError(c, 'invalid_client', ofStanding(standing.value.reason));
  const accessToken = await mintAccessToken(keys.access, deployment.origin, identity, now, services.random(16));
  const left = Math.floor(identity.certificate.notAfter / 1000) - Math.floor(now / 1000);
  return c.json({
    access_token: accessToken,
    token_type: 'DPoP',
    expires_in: Math.min(ACCESS_TOKEN_S, left),
  });
});
