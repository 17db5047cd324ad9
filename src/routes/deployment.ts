import { unnamedApplications } from '../attestation/policy/configured.ts';
import { openRoads } from '../attestation/policy/roads.ts';
import { base64url } from '../bytes/base64url.ts';
import type { AuthorizationServer } from '../protocol/api.ts';
import { factory } from '../http/context.ts';

const HOUR_S = 3_600;

/** What a client's configuration is compared with, and the keys that verify what this deployment says. */
export const deployment = factory
  .createApp()
  .get('/v1/deployment', (c) => {
    const { deployment: self, keys, policy } = c.var.services;
    const unnamed: readonly string[] = unnamedApplications(policy);
    return c.json({
      deployment: self.id,
      origin: self.origin,
      environment: self.environment,
      protocol: { min: 1, max: 1 },
      root: base64url(keys.root),
      policy: policy.version,
      formats: policy.formats.filter((format) => !unnamed.includes(format)),
      roads: openRoads(policy).map(({ platform, evidence, format }) => ({ platform, evidence, format })),
    });
  })
  .get('/.well-known/oauth-authorization-server', (c) => {
    const { origin } = c.var.services.deployment;
    c.header('Cache-Control', `public, max-age=${HOUR_S}`);
    return c.json({
      issuer: origin,
      token_endpoint: `${origin}/v1/token`,
      jwks_uri: `${origin}/.well-known/jwks.json`,
      response_types_supported: [],
      grant_types_supported: ['client_credentials'],
      token_endpoint_auth_methods_supported: ['private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: ['ES256'],
      dpop_signing_alg_values_supported: ['ES256'],
    } satisfies AuthorizationServer);
  })
  .get('/.well-known/jwks.json', (c) => {
    const { keys } = c.var.services;
    c.header('Cache-Control', `public, max-age=${HOUR_S}`);
    return c.json({ keys: [...keys.published.directory.keys, ...keys.published.access.keys] });
  });
