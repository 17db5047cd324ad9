import { describe, expect, it } from 'vitest';
import { configFor, enrollDevice } from '../../demo/people.ts';
import { base64url, fromBase64url } from '../../src/bytes/base64url.ts';
import type { ClientConfig } from '../../src/sdk/index.ts';
import { readDer, sequence } from '../../src/bytes/der.ts';
import { signedRequest } from '../../src/identity/request.ts';
import { Prover } from './prover.ts';
import { codeFor, expectProblem, stored, type World } from './world.ts';

interface EnrollmentBody {
  readonly token: string;
  readonly csr: string;
}

export function directory(world: () => World): void {
  describe('a lookup', () => {
    const look = (handle: string) =>
      world().alice.read<{ results: { found: boolean }[] }>('POST', '/v1/lookups', { handles: [handle] });

    it('of who is not there, of no handle at all and of text that is none has one answer', async () => {
      for (const handle of ['nobody@example.com', '+4930123456', 'not a handle', '\ud800', '', 'x'.repeat(320)]) {
        const { results } = await look(handle);
        expect(results.map(({ found, ...rest }) => [found, Object.keys(rest)])).toEqual([[false, ['handle']]]);
      }
    });

    it('tells a blocked caller the same as everybody', async () => {
      const { bob, calleeProver, handles } = world();
      const ask = () => bob.read<{ results: object[] }>('POST', '/v1/lookups', { handles: [handles.callee] });
      const before = await ask();
      const policy = { blocked: [bob.identity.account], quietUntil: null, contactsOnly: false, contacts: [] };
      await calleeProver.read('PUT', '/v1/policy', policy);
      const after = await ask();
      await calleeProver.read('PUT', '/v1/policy', { ...policy, blocked: [] });
      expect(Object.keys(after.results[0]!)).toEqual(Object.keys(before.results[0]!));
      expect(after.results[0]).toMatchObject({ found: true });
    });

    it('that claims keys names its request', async () => {
      const body = JSON.stringify({ handles: ['nobody@example.com'], claim: true });
      const answer = await world().alice.ask('POST', '/v1/lookups', { body });
      await expectProblem(answer, 'bad-request', 'idempotency-key-missing');
    });
  });

  describe('a code', () => {
    const handle = 'guessed@example.com';
    const begin = () => world().bob.read<{ id: string }>('POST', '/v1/handles', { handle });
    const code = () => codeFor(world().server.url, handle);
    const verify = (id: string, text: string) =>
      world().bob.ask('POST', `/v1/handles/${id}/verification`, { body: JSON.stringify({ handle, code: text }) });

    it('guessed wrong five times is worth nothing, right or not, and nothing is attached', async () => {
      const { bob } = world();
      const before = await stored(bob);
      const { id } = await begin();
      const right = await code();
      const wrong = right === '000000' ? '000001' : '000000';
      for (let i = 0; i < 5; i++) await expectProblem(await verify(id, wrong), 'refused', 'code-refused');
      await expectProblem(await verify(id, right), 'refused', 'code-refused');
      expect(await stored(bob)).toEqual(before);
    });

    it('is of use to nobody else', async () => {
      const { id } = await begin();
      const body = JSON.stringify({ handle, code: await code() });
      const answer = await world().alice.ask('POST', `/v1/handles/${id}/verification`, { body });
      await expectProblem(answer, 'refused', 'code-refused');
    });

    it('for a handle that is none is not sent', async () => {
      const body = JSON.stringify({ handle: 'not a handle' });
      await expectProblem(await world().bob.ask('POST', '/v1/handles', { body }), 'bad-request', 'handle-malformed');
    });
  });

  describe('a manifest', () => {
    it('of another account is refused, and both accounts stay as they are', async () => {
      const { alice, bob } = world();
      const before = [await stored(alice), await stored(bob)];
      const { manifests } = await alice.read<{ manifests: object[] }>(
        'GET',
        `/v1/accounts/${bob.identity.account}/manifests`,
      );
      const body = JSON.stringify({ manifest: manifests[0] });
      await expectProblem(await alice.ask('POST', '/v1/manifests', { body }), 'refused', 'account-mismatch');
      expect([await stored(alice), await stored(bob)]).toEqual(before);
    });
  });

  describe('a device', () => {
    it('that its owner revoked may do nothing more: no request, no token, no revocation of another account’s device', async () => {
      const { server, deployment, bob } = world();
      const { enrolled } = await enrollDevice('lost', configFor(server.url, deployment), null);
      const lost = new Prover(server.url, enrolled.identity);
      const foreign = await lost.ask('DELETE', `/v1/devices/${bob.identity.device}`);
      await expectProblem(foreign, 'forbidden', 'unknown-device');
      const gone = await lost.read('DELETE', `/v1/devices/${enrolled.identity.device}?reason=lost`);
      expect(gone).toMatchObject({ device: enrolled.identity.device, status: 'revoked' });
      await expectProblem(await lost.ask('GET', '/v1/policy'), 'forbidden', 'device-revoked');
      const token = await lost.askToken(await lost.assertion());
      expect([token.status, await token.json()]).toMatchObject([
        401,
        { error: 'invalid_client', reason: 'device-revoked' },
      ]);
      expect((await bob.ask('GET', '/v1/policy')).status).toBe(200);
    });
  });

  describe('the operator’s road', () => {
    const ask = (authorization: string | null) =>
      fetch(`${world().server.url}/v1/admin/counters`, {
        headers: authorization === null ? {} : { Authorization: authorization },
      });

    it('is closed to everybody without its key, devices included', async () => {
      const { alice } = world();
      await expectProblem(await ask(null), 'unauthenticated', 'operator-credentials');
      await expectProblem(await ask(`DPoP ${await alice.token()}`), 'unauthenticated', 'operator-credentials');
      await expectProblem(await ask(`Bearer ${'A'.repeat(43)}`), 'unauthenticated', 'operator-key');
      expect((await ask(`Bearer ${world().opened.operator}`)).status).toBe(200);
    });
  });

  describe('evidence', () => {
    /** An enrollment, and the very body that was sent for it. */
    async function watched() {
      const { server, deployment } = world();
      let sent = '';
      const config = configFor(server.url, deployment);
      const spy: ClientConfig = {
        ...config,
        fetch: (url, init) => {
          if (url.endsWith('/v1/enrollments')) sent = init.body as string;
          return fetch(url, init);
        },
      };
      const device = await enrollDevice('watched', spy, null);
      return { device, sent, body: JSON.parse(sent) as EnrollmentBody };
    }
    const post = (body: string) =>
      fetch(`${world().server.url}/v1/enrollments`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body,
      });

    it('sent again is the same certificate; for a second one it was used', async () => {
      const { device, sent, body } = await watched();
      const again = await post(sent);
      expect(again.status).toBe(201);
      const [leaf] = ((await again.json()) as { certificate: string[] }).certificate;
      expect(leaf).toBe(base64url(device.enrolled.identity.chain[0]!));
      const { key } = device.enrolled.identity;
      const [info] = sequence(readDer(fromBase64url(body.csr)!, { size: 4096, depth: 12 }))!;
      const csr = base64url(signedRequest(info!.bytes, await key.sign(info!.bytes)));
      expect(csr).not.toBe(body.csr);
      await expectProblem(await post(JSON.stringify({ ...body, csr })), 'attestation-refused', 'challenge-used');
    });

    it('under another challenge is not for this device', async () => {
      const { body } = await watched();
      const answer = await fetch(`${world().server.url}/v1/enrollments/challenges`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ format: 'webauthn' }),
      });
      const { token } = (await answer.json()) as { token: string };
      await expectProblem(await post(JSON.stringify({ ...body, token })), 'refused', 'device-not-in-manifest');
    });

    it('under a challenge that we did not make is refused', async () => {
      const { body } = await watched();
      const spoilt = `${body.token.slice(0, -2)}${body.token.endsWith('AA') ? 'BA' : 'AA'}`;
      await expectProblem(await post(JSON.stringify({ ...body, token: spoilt })), 'attestation-refused', 'challenge');
    });
  });
}
