import { describe, expect, it } from 'vitest';
import { hello } from '../../src/identity/proof.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { CALL_PROTOCOL } from '../../src/protocol/call.ts';
import { CLOSE, COURIER_PROTOCOL, type Hello } from '../../src/protocol/courier.ts';
import type { Prover } from './prover.ts';
import { askUpgrade, firstWord } from './upgrade.ts';
import { PATIENCE_MS, within } from '../../demo/people.ts';
import { APP_ORIGIN, expectProblem, type World } from './world.ts';

const NO_CALL = 'a'.repeat(32);
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** Opens a call plane and is heard on it: 0; else the code that it was closed with, as by the client of the same device. */
async function attached(url: string, protocols: string[], call: string): Promise<number> {
  const socket = new WebSocket(url.replace('http', 'ws'), protocols);
  const alive = { type: 'call', request: 'r', verb: { verb: 'alive', call, attempt: 0 } };
  socket.addEventListener('open', () => socket.send(JSON.stringify(alive)));
  const word = new Promise<number>((resolve) => {
    socket.addEventListener('message', () => resolve(0));
    socket.addEventListener('close', ({ code }) => resolve(code));
  });
  return within(PATIENCE_MS, word, 'the call plane says nothing').finally(() => socket.close());
}

async function nonceOf({ server }: World): Promise<string> {
  return ((await (await fetch(`${server.url}/v1/courier/nonce`)).json()) as { nonce: string }).nonce;
}

async function helloOf({ deployment }: World, { identity }: Prover, claims: Partial<Hello>): Promise<string> {
  const pushToken = await crypto.subtle.digest('SHA-256', identity.pushToken);
  const draft = hello(identity.chain, {
    nonce: 'n',
    deployment: deployment.deployment,
    device: identity.device,
    pushTokenHash: base64url(new Uint8Array(pushToken)),
    box: null,
    lastSeq: 0,
    iat: Date.now(),
    ...claims,
  });
  return draft.seal(await identity.key.sign(draft.input));
}

export function sockets(world: () => World): void {
  const courier = () => `${world().server.url}/v1/courier`;
  const plane = () => `${world().server.url}/v1/calls/${NO_CALL}/socket`;
  const greeting = async (claims: Partial<Hello> = {}) =>
    helloOf(world(), world().bob, { nonce: await nonceOf(world()), ...claims });

  describe('an upgrade', () => {
    it('is asked for: a plain request is upgrade-required', async () => {
      for (const url of [courier(), plane()]) {
        await expectProblem(await fetch(url), 'upgrade-required', 'websocket');
      }
    });

    it('from a page of a foreign origin is refused before anything else', async () => {
      for (const url of [courier(), plane()]) {
        const { response } = await askUpgrade(url, { Origin: 'https://evil.example' });
        await expectProblem(response, 'forbidden', 'origin');
      }
    });

    it('from a page of an allowed origin is heard', async () => {
      const offered = `${COURIER_PROTOCOL}, ${await greeting()}`;
      const { status } = await askUpgrade(courier(), { Origin: APP_ORIGIN, 'Sec-WebSocket-Protocol': offered });
      expect(status).toBe(101);
    });

    it('that offers no protocol of ours is refused', async () => {
      for (const offered of [null, 'chat', COURIER_PROTOCOL, `${CALL_PROTOCOL}, short`]) {
        const { response } = await askUpgrade(courier(), { 'Sec-WebSocket-Protocol': offered });
        await expectProblem(response, 'bad-request', 'subprotocol');
        const other = await askUpgrade(plane(), { 'Sec-WebSocket-Protocol': offered });
        await expectProblem(other.response, 'bad-request', 'subprotocol');
      }
    });

    it('without a WebSocket key is never a failure of the server', async () => {
      const offered = `${COURIER_PROTOCOL}, ${await greeting()}`;
      const { status } = await askUpgrade(courier(), { 'Sec-WebSocket-Key': null, 'Sec-WebSocket-Protocol': offered });
      expect(status).toBeLessThan(500);
    });
  });

  describe('a hello', () => {
    const refused = async (jws: string) =>
      (await askUpgrade(courier(), { 'Sec-WebSocket-Protocol': `${COURIER_PROTOCOL}, ${jws}` })).response;

    it('that is none is refused', async () => {
      await expectProblem(await refused('a.b.c'), 'unauthenticated', 'hello-malformed');
    });

    it('is for this deployment, this device, now, with a nonce of ours', async () => {
      const { alice } = world();
      const cases = [
        [{ deployment: 'another' }, 'hello-deployment'],
        [{ device: alice.identity.device }, 'hello-device'],
        [{ iat: Date.now() - 120_000 }, 'hello-time'],
        [{ nonce: 'n1.AAAA.BBBB' }, 'hello-nonce'],
      ] as const;
      for (const [claims, reason] of cases)
        await expectProblem(await refused(await greeting(claims)), 'unauthenticated', reason);
    });

    it('is signed by the key of its certificate', async () => {
      const [header, , signature] = (await greeting()).split('.');
      const [, payload] = (await greeting()).split('.');
      await expectProblem(await refused(`${header}.${payload}.${signature}`), 'unauthenticated', 'hello-signature');
    });

    it('counts once: the same again is closed', async () => {
      const jws = await greeting();
      const first = await firstWord(courier(), [COURIER_PROTOCOL, jws]);
      expect(JSON.parse(first.frame ?? '{}')).toMatchObject({ type: 'welcome' });
      expect(await firstWord(courier(), [COURIER_PROTOCOL, jws])).toEqual({ code: CLOSE.forbidden });
    });

    it('with another push token is closed', async () => {
      const jws = await greeting({ pushTokenHash: random() });
      expect(await firstWord(courier(), [COURIER_PROTOCOL, jws])).toEqual({ code: CLOSE.forbidden });
    });
  });

  describe('a ticket', () => {
    it('that was never given opens nothing', async () => {
      expect(await firstWord(plane(), [CALL_PROTOCOL, random()])).toHaveProperty('code');
    });

    it('is refused to a stranger of the call', async () => {
      const answer = await world().bob.ask('POST', `/v1/calls/${NO_CALL}/tickets`, { body: '{}' });
      await expectProblem(answer, 'not-found', 'unknown-call');
    });

    it('opens the call plane once, while the call lasts', async () => {
      const { alice, device, callee } = world();
      await Promise.all([device.goOnline(), callee.goOnline()]);
      const peer = await device.client.find(world().handles.callee, { claim: true });
      const call = device.client.call(peer!, ['audio']);
      const ringing = await callee.nextRing();
      callee.client.accept(ringing);
      await within(PATIENCE_MS, Promise.all([call.next('media'), ringing.next('media')]), 'the call did not connect');
      const { ticket } = await alice.read<{ ticket: string }>('POST', `/v1/calls/${call.id}/tickets`, {});
      const url = `${world().server.url}/v1/calls/${call.id}/socket`;
      expect([0, CLOSE.elsewhere]).toContain(await attached(url, [CALL_PROTOCOL, ticket], call.id));
      const again = await firstWord(url, [CALL_PROTOCOL, ticket]);
      expect(again.code).toBe(CLOSE.forbidden);
      const over = call.next('ended');
      device.client.hangup(call);
      await within(PATIENCE_MS, over, 'the call did not end');
      callee.client.close();
    });
  });
}
