import { createLocalJWKSet, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { judgeToken, type OidcIssuer } from './oidc.ts';

const NOW = 1_900_000_000_000;
const S = NOW / 1_000;
const own = await generateKeyPair('RS256');
const foreign = await generateKeyPair('RS256');
const jwk = { ...(await exportJWK(own.publicKey)), kid: 'k1', alg: 'RS256' };
const issuer: OidcIssuer = {
  issuer: 'https://id.example',
  audience: 'callsign',
  keys: createLocalJWKSet({ keys: [jwk] }),
};
const claims = { iss: issuer.issuer, aud: 'callsign', sub: 'alice', nonce: 'n1', iat: S - 10, exp: S + 300 };

function token(
  changes: { readonly [name in keyof JWTPayload]?: unknown } = {},
  header: object = {},
  key = own.privateKey,
): Promise<string> {
  return new SignJWT({ ...claims, ...changes } as JWTPayload)
    .setProtectedHeader({ alg: 'RS256', kid: 'k1', ...header })
    .sign(key);
}

describe('an identity provider’s token', () => {
  it('proves its subject', async () => {
    expect(await judgeToken(issuer, await token(), 'n1', NOW)).toEqual({ ok: true, subject: 'alice' });
    const several = await token({ aud: ['callsign', 'other'], azp: 'callsign' });
    expect(await judgeToken(issuer, several, 'n1', NOW)).toEqual({ ok: true, subject: 'alice' });
  });

  it.each<[string, () => Promise<string>]>([
    ['of another issuer', () => token({ iss: 'https://evil.example' })],
    ['for another audience', () => token({ aud: 'other' })],
    [
      'for several, of whom we are not the one it was made for',
      () => token({ aud: ['callsign', 'other'], azp: 'other' }),
    ],
    ['for another account’s nonce', () => token({ nonce: 'n2' })],
    ['without a nonce', () => token({ nonce: undefined })],
    ['that has ended', () => token({ exp: S - 120 })],
    ['issued eleven minutes ago', () => token({ iat: S - 661 - 60, exp: S + 300 })],
    ['issued in the future', () => token({ iat: S + 300 })],
    ['without a subject', () => token({ sub: undefined })],
    ['signed by another key', () => token({}, {}, foreign.privateKey)],
    [
      'of an unknown key that it brings along',
      async () =>
        token(
          {},
          { kid: 'k2', jwk: await exportJWK(foreign.publicKey), jku: 'https://evil.example/keys' },
          foreign.privateKey,
        ),
    ],
    ['without signature', async () => `${(await token()).split('.').slice(0, 2).join('.')}.`],
    ['that is none', async () => 'not a token'],
    ['longer than any', async () => 'x'.repeat(9_000)],
  ])('%s proves nothing', async (_, make) => {
    expect(await judgeToken(issuer, await make(), 'n1', NOW)).toEqual({ ok: false, reason: 'refused' });
  });

  it('leaves it open when the issuer’s keys cannot be had', async () => {
    const away: OidcIssuer = { ...issuer, keys: () => Promise.reject(new TypeError('fetch failed')) };
    expect(await judgeToken(away, await token(), 'n1', NOW)).toEqual({ ok: false, reason: 'unreachable' });
  });
});
