import * as jose from 'jose';
import { describe, expect, it } from 'vitest';
import { ACCESS_TOKEN_S } from '../../src/protocol/api.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import { mintAccessToken } from '../../src/http/auth/access-token.ts';
import type { AcceptedIdentity } from '../../src/identity/judge.ts';
import { spkiOf } from '../../src/sdk/crypto/point.ts';
import type { Prover } from './prover.ts';
import { expectProblem, stored, type World } from './world.ts';

const PATH = '/v1/policy';
const POLICY = { blocked: [], quietUntil: null, contactsOnly: true, contacts: [] };

/** A token of the server's own key, minted at another time. */
function tokenOf({ opened, server }: World, { identity }: Prover, at: number): Promise<string> {
  const { account, device, key } = identity;
  const made = {
    account,
    device,
    key: spkiOf(key.publicKey),
    certificate: { serial: '0a', notAfter: Date.now() + 3_600_000 },
  } as unknown as AcceptedIdentity;
  return mintAccessToken(opened.keys.access, server.url, made, at, crypto.getRandomValues(new Uint8Array(16)));
}

/** The claims of a token under another algorithm's header. */
async function forged(token: string, alg: 'none' | 'HS256', key: Uint8Array): Promise<string> {
  const payload = token.split('.')[1]!;
  const header = base64url(utf8(JSON.stringify({ ...jose.decodeProtectedHeader(token), alg })));
  if (alg === 'none') return `${header}.${payload}.`;
  const mac = await crypto.subtle.importKey('raw', key.slice(), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return `${header}.${payload}.${base64url(new Uint8Array(await crypto.subtle.sign('HMAC', mac, utf8(`${header}.${payload}`))))}`;
}

/** Who asks. */
export function proofs(world: () => World): void {
  const ask = (sent: Parameters<Prover['ask']>[2]) =>
    world().alice.ask('PUT', PATH, { body: JSON.stringify(POLICY), ...sent });

  describe('a token', () => {
    it('that is missing proves nobody', async () => {
      const answer = await ask({ token: null, proof: null });
      expect(answer.headers.get('WWW-Authenticate')).toBe('DPoP error="invalid_token", algs="ES256"');
      await expectProblem(answer, 'unauthenticated', 'credentials-missing');
    });

    it('without a proof proves nobody', async () => {
      await expectProblem(await ask({ proof: null }), 'unauthenticated', 'credentials-missing');
    });

    it('of no form, of another key or spoilt is refused', async () => {
      const [header, payload, signature] = (await world().alice.token()).split('.');
      await expectProblem(await ask({ token: 'abc' }), 'unauthenticated', 'token-malformed');
      const spoilt = `${header}.${payload}.${signature!.startsWith('A') ? 'B' : 'A'}${signature!.slice(1)}`;
      await expectProblem(await ask({ token: spoilt }), 'unauthenticated', 'token-signature');
      const unknown = base64url(utf8(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: 'none' })));
      await expectProblem(
        await ask({ token: `${unknown}.${payload}.${signature}` }),
        'unauthenticated',
        'token-unknown-key',
      );
    });

    it('that expired is refused, and one minute before it is not', async () => {
      const { alice } = world();
      const expired = await tokenOf(world(), alice, Date.now() - ACCESS_TOKEN_S * 1000);
      await expectProblem(await ask({ token: expired }), 'unauthenticated', 'token-expired');
      const current = await tokenOf(world(), alice, Date.now() - (ACCESS_TOKEN_S - 60) * 1000);
      expect((await alice.ask('GET', PATH, { token: current })).status).toBe(200);
    });

    it('is of no use to who does not hold its key', async () => {
      const { alice, bob } = world();
      const answer = await bob.ask('GET', PATH, { token: await alice.token() });
      await expectProblem(answer, 'unauthenticated', 'proof-key');
    });

    it('under alg none or HS256 is no token', async () => {
      const { alice, opened } = world();
      const token = await alice.token();
      const key = opened.keys.access.publicKey;
      for (const alg of ['none', 'HS256'] as const)
        await expectProblem(await ask({ token: await forged(token, alg, key) }), 'unauthenticated', 'token-malformed');
    });

    it('names its holder: another account’s certificate gets no token of this one', async () => {
      const { alice, bob } = world();
      const answer = await alice.askToken(await bob.assertion());
      expect([answer.status, await answer.json()]).toMatchObject([
        400,
        { error: 'invalid_dpop_proof', reason: 'proof-key' },
      ]);
    });
  });

  describe('a proof', () => {
    it('counts once', async () => {
      const { alice } = world();
      const proof = await alice.proof('DELETE', '/v1/history', await alice.token());
      const body = JSON.stringify({ calls: ['a'.repeat(32)] });
      expect((await alice.ask('DELETE', '/v1/history', { proof, body })).status).toBe(200);
      const again = await alice.ask('DELETE', '/v1/history', { proof, body });
      await expectProblem(again, 'unauthenticated', 'proof-replayed');
    });

    it('is for one method and one resource', async () => {
      await expectProblem(await ask({ claims: { htm: 'GET' } }), 'unauthenticated', 'proof-method');
      const elsewhere = `${world().server.url}/v1/history`;
      await expectProblem(await ask({ claims: { htu: elsewhere } }), 'unauthenticated', 'proof-url');
      await expectProblem(
        await ask({ claims: { htu: `https://other.example${PATH}` } }),
        'unauthenticated',
        'proof-url',
      );
    });

    it('is for one token and for now', async () => {
      await expectProblem(await ask({ claims: { ath: 'A'.repeat(43) } }), 'unauthenticated', 'proof-token-hash');
      const early = Math.floor(Date.now() / 1000) - 120;
      await expectProblem(await ask({ claims: { iat: early } }), 'unauthenticated', 'proof-time');
    });

    it('carries the server’s nonce, which every answer tells', async () => {
      const { alice } = world();
      const claims = { nonce: undefined } as unknown as { nonce: string };
      const answer = await ask({ claims });
      const told = answer.headers.get('DPoP-Nonce');
      expect(answer.headers.get('WWW-Authenticate')).toContain('use_dpop_nonce');
      await expectProblem(answer, 'use-dpop-nonce', 'proof-nonce');
      expect((await alice.ask('GET', PATH, { claims: { nonce: told! } })).status).toBe(200);
      await expectProblem(await ask({ claims: { nonce: 'n1.AAAA' } }), 'use-dpop-nonce', 'proof-nonce');
    });

    it('is a DPoP proof by the key in it', async () => {
      const { alice, bob } = world();
      await expectProblem(await ask({ proof: 'a.b.c' }), 'unauthenticated', 'proof-malformed');
      const [header] = (await alice.proof('PUT', PATH, await alice.token())).split('.');
      const [, payload, signature] = (await bob.proof('PUT', PATH, await alice.token())).split('.');
      const mixed = `${header}.${payload}.${signature}`;
      await expectProblem(await ask({ proof: mixed }), 'unauthenticated', 'proof-signature');
    });
  });

  describe('a client assertion', () => {
    it('counts once', async () => {
      const { alice } = world();
      const assertion = await alice.assertion();
      expect((await alice.askToken(assertion)).status).toBe(200);
      const again = await alice.askToken(assertion);
      expect([again.status, await again.json()]).toMatchObject([
        401,
        { error: 'invalid_client', reason: 'proof-replayed' },
      ]);
    });

    it('is for this server, for its subject, and lives a minute', async () => {
      const { alice, bob } = world();
      const iat = Math.floor(Date.now() / 1000);
      const cases = [
        [{ aud: 'https://other.example' }, 'assertion-audience'],
        [{ sub: bob.identity.device }, 'assertion-subject'],
        [{ exp: iat + 3600 }, 'assertion-lifetime'],
        [{ iat: iat - 100, exp: iat - 60 }, 'assertion-expired'],
      ] as const;
      for (const [claims, reason] of cases) {
        const answer = await alice.askToken(await alice.assertion(claims));
        expect([answer.status, await answer.json()]).toMatchObject([401, { error: 'invalid_client', reason }]);
      }
    });
  });

  it('who does not prove who asks changes nothing', async () => {
    const { alice } = world();
    const before = await stored(alice);
    await ask({ token: null, proof: null });
    await ask({ claims: { htm: 'GET' } });
    await ask({ claims: { nonce: 'n1.AAAA' } });
    expect(await stored(alice)).toEqual(before);
  });
}
