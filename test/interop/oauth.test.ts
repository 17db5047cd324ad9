import * as oauth from 'oauth4webapi';
import { afterEach, describe, expect, it } from 'vitest';
import { configFor, type Deployment } from '../../demo/people.ts';
import { type HostName, startServer, type Server } from '../../demo/server.ts';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import { developmentAttester, enroll } from '../../src/sdk/index.ts';

/** A client that knows OAuth and nothing of us: RFC 8414, RFC 7523 and RFC 9449 as oauth4webapi reads them. */
const secrets = await makeDevelopmentSecrets(Date.now());
let server: Server | null = null;
afterEach(() => server?.stop());

interface Certified {
  readonly device: string;
  /** DER, standard base64, leaf first. */
  readonly chain: readonly string[];
  readonly pair: CryptoKeyPair;
}

/** The certificate is ours to give; what is done with it afterwards is the library's. */
async function certified(origin: string): Promise<Certified> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const sign = async (message: Uint8Array) =>
    new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, message.slice()));
  const deployment = (await (await fetch(`${origin}/v1/deployment`)).json()) as Deployment;
  const config = configFor(origin, deployment);
  const attester = { ...developmentAttester(config.crypto), identityKey: async () => ({ publicKey, sign }) };
  const { identity } = await enroll(config, attester);
  return {
    device: identity.device,
    chain: identity.chain.map((der) => Buffer.from(der).toString('base64')),
    pair,
  };
}

const insecure = { [oauth.allowInsecureRequests]: true };

/** Says it again once when the server asks for its nonce, which the handle has kept from the refusal. */
async function withNonce<T>(work: () => Promise<T>): Promise<{ value: T; nonceWasAsked: boolean }> {
  try {
    return { value: await work(), nonceWasAsked: false };
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return { value: await work(), nonceWasAsked: true };
  }
}

describe.each<HostName>(['deno', 'workerd'])('oauth4webapi on %s', (host) => {
  it('finds the token endpoint, gets a token for a certified key, and asks with it', async () => {
    server = await startServer(host, secrets, {});
    const { url } = server;
    const { device, chain, pair } = await certified(url);

    const issuer = new URL(url);
    const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
    const as = await oauth.processDiscoveryResponse(issuer, discovered);
    expect(as).toMatchObject({ issuer: url, token_endpoint: `${url}/v1/token` });

    const client: oauth.Client = { client_id: device };
    const authentication = oauth.PrivateKeyJwt(pair.privateKey, {
      [oauth.modifyAssertion]: (header) => {
        header['typ'] = 'client-authentication+jwt';
        header['x5c'] = [...chain];
      },
    });
    const DPoP = oauth.DPoP(client, pair);
    const granted = await withNonce(async () =>
      oauth.processClientCredentialsResponse(
        as,
        client,
        await oauth.clientCredentialsGrantRequest(as, client, authentication, {}, { DPoP, ...insecure }),
      ),
    );
    expect(granted.nonceWasAsked).toBe(true);
    expect(granted.value).toMatchObject({ token_type: 'dpop', expires_in: 600 });

    const ask = (
      handle: oauth.DPoPHandle,
      method: string,
      path: string,
      body?: object,
      more: Record<string, string> = {},
    ) =>
      oauth.protectedResourceRequest(
        granted.value.access_token,
        method,
        new URL(path, url),
        new Headers({ ...(body && { 'Content-Type': 'application/json' }), ...more }),
        body ? JSON.stringify(body) : null,
        { DPoP: handle, ...insecure },
      );
    const status = await ask(DPoP, 'GET', '/v1/keys/status');
    expect([status.status, await status.json()]).toMatchObject([200, { left: 0 }]);

    const fresh = oauth.DPoP(client, pair);
    const forgetful = await withNonce(() => ask(fresh, 'GET', '/v1/history?limit=5'));
    expect(forgetful.nonceWasAsked).toBe(true);
    expect(await forgetful.value.json()).toEqual({ rows: [] });

    const named = { 'Idempotency-Key': `"${crypto.randomUUID()}"` };
    const handle = { handle: 'somebody@example.com' };
    const first = await ask(DPoP, 'POST', '/v1/handles', handle, named);
    expect(first.status).toBe(202);
    const again = await ask(DPoP, 'POST', '/v1/handles', handle, named);
    expect([again.status, await again.json()]).toEqual([202, await first.json()]);
    const other = await ask(DPoP, 'POST', '/v1/handles', { handle: 'other@example.com' }, named);
    expect([other.status, await other.json()]).toMatchObject([422, { reason: 'idempotency-key-reused' }]);
  });

  it('gets no token with the proof of another key, and none with the certificate of another key', async () => {
    server = await startServer(host, secrets, {});
    const { url } = server;
    const [mine, others] = [await certified(url), await certified(url)];
    const as: oauth.AuthorizationServer = { issuer: url, token_endpoint: `${url}/v1/token` };
    const attempt = async ({ device, chain, pair }: Certified, proofBy: CryptoKeyPair) => {
      const client: oauth.Client = { client_id: device };
      const authentication = oauth.PrivateKeyJwt(pair.privateKey, {
        [oauth.modifyAssertion]: (header) => {
          header['typ'] = 'client-authentication+jwt';
          header['x5c'] = [...chain];
        },
      });
      const DPoP = oauth.DPoP(client, proofBy);
      const answer = await withNonce(async () =>
        oauth.processClientCredentialsResponse(
          as,
          client,
          await oauth.clientCredentialsGrantRequest(as, client, authentication, {}, { DPoP, ...insecure }),
        ),
      ).catch((error: unknown) => error);
      return (answer as { cause?: { error?: string; reason?: string } }).cause;
    };
    expect(await attempt(mine, others.pair)).toMatchObject({ error: 'invalid_dpop_proof', reason: 'proof-key' });
    const swapped = { ...mine, chain: others.chain };
    expect(await attempt(swapped, mine.pair)).toMatchObject({ error: 'invalid_client', reason: 'assertion-signature' });
  });
});
