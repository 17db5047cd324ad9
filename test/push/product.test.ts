import { createHmac } from 'node:crypto';
import * as v from 'valibot';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { within, type Device } from '../../demo/people.ts';
import { CallExplanation } from '../../src/protocol/api.ts';
import { ICE_QUOTA } from '../../src/protocol/ice.ts';
import { PUSH_TESTS } from '../../src/protocol/push.ts';
import { hello } from '../../src/identity/proof.ts';
import type { PushSubscription } from '../../src/protocol/push.ts';
import { Prover } from '../blackbox/prover.ts';
import { expectProblem } from '../blackbox/world.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { openWorld, TURN_SECRET, until, type World } from './world.ts';

const ICE_URLS = 'stun:127.0.0.1:3478 turn:127.0.0.1:3478?transport=udp turns:turn.example:443?transport=tcp';

describe.each(['workerd', 'deno'] as const)('push on %s', (host) => {
  let world: World;
  let bob: Device;
  beforeAll(async () => {
    world = await openWorld(host, ICE_URLS);
  });
  afterAll(() => world?.stop());
  beforeEach(() => {
    bob = world.start();
    world.services.pushed.length = 0;
    world.services.answers.length = 0;
  });
  afterEach(() => bob.client.close());

  const browser = (): PushSubscription => ({ kind: 'web', ...world.services.subscribe() });
  /** The operator's view of a call, once it rings and so many pushes are told of. */
  const explained = (call: string, pushes: number) =>
    until(async () => {
      const headers = { Authorization: `Bearer ${world.operator}` };
      const answer = await fetch(`${world.server.url}/v1/admin/calls/${call}`, { headers });
      // Unknown until its first milestone was shipped.
      const told = answer.ok ? v.parse(CallExplanation, await answer.json()) : null;
      return told && told.why !== 'waiting' && told.pushes.length >= pushes && told;
    });
  const pushed = (count = 1) => until(() => world.services.pushed.length >= count && world.services.pushed[0]);

  it('a subscription is set, read, set again without a change, and ended', async () => {
    const { push } = bob.client;
    expect(await push.settings()).toMatchObject({ subscription: null, since: null, kinds: ['web', 'apns', 'fcm'] });
    const subscription = browser();
    const set = await push.subscribe(subscription);
    expect(set).toMatchObject({ subscription, vapidKey: expect.stringMatching(/^[A-Za-z0-9_-]{87}$/) });
    expect(await push.settings()).toEqual(set);
    expect(await push.subscribe(subscription)).toEqual(set);
    await push.unsubscribe();
    expect(await push.settings()).toMatchObject({ subscription: null, since: null });
    await expect(push.test()).rejects.toMatchObject({ status: 404, reason: 'no-subscription' });
  });

  it('only push services are pushed to', async () => {
    const { push } = bob.client;
    const at = (endpoint: string) => push.subscribe({ ...browser(), endpoint } as PushSubscription);
    for (const endpoint of ['https://10.0.0.1/', 'https://evil.example/', 'http://push.services.mozilla.com/'])
      await expect(at(endpoint)).rejects.toMatchObject({ status: 422, reason: 'push-endpoint' });
    const p256dh = Buffer.concat([Buffer.of(4), Buffer.alloc(64, 7)]).toString('base64url');
    const unfit = { ...browser(), p256dh } as PushSubscription;
    await expect(push.subscribe(unfit)).rejects.toMatchObject({ status: 422, reason: 'push-key' });
  });

  it('each kind of push service takes a test push, held to its protocol by independent code, so often and no more', async () => {
    const { push } = bob.client;
    const apns = { kind: 'apns', token: 'ab'.repeat(32), topic: world.services.apns.topic } as const;
    const kinds: PushSubscription[] = [
      browser(),
      { ...apns, push: 'voip', environment: 'production' },
      { kind: 'fcm', token: 'f:cm_token-0123456789' },
    ];
    for (const subscription of kinds) {
      await push.subscribe(subscription);
      const { outcome, tag } = await push.test();
      expect([outcome, world.services.violations]).toEqual(['accepted', []]);
      expect(world.services.pushed.at(-1)).toMatchObject({ service: subscription.kind, tag });
      expect(await push.callerOf(tag)).toBe(null);
    }
    expect(PUSH_TESTS.burst).toBe(3);
    // By hand: the SDK waits for as long as it is told, and asks again.
    const byHand = new Prover(world.server.url, world.bob.identity);
    await expectProblem(await byHand.ask('POST', '/v1/push/test'), 'too-many-requests', 'push-tests');
  });

  it('a sleeping callee is pushed to once, wakes by its tag, rings, answers and talks; the wake brought its relays', async () => {
    await bob.client.push.subscribe(browser());
    const call = await world.call();
    const { tag, headers } = await pushed();
    expect(Number(headers['ttl'])).toBeGreaterThan(10);
    const ringing = await within(PATIENCE_MS, bob.client.wake(tag), 'it did not wake');
    expect(ringing).toMatchObject({ id: call.id, phase: 'alerting' });
    expect(await bob.client.wake(tag)).toBe(ringing);
    const before = world.server.log.filter((line) => line.includes('/v1/ice-servers')).length;
    const { servers, until: end } = await bob.client.iceServers(ringing!);
    expect(world.server.log.filter((line) => line.includes('/v1/ice-servers')).length).toBe(before);
    expect(servers.flatMap(({ urls }) => urls)).toEqual(ICE_URLS.split(' '));
    expect(end - Date.now()).toBeGreaterThan(50 * 60_000);
    bob.client.accept(ringing!);
    await within(PATIENCE_MS, Promise.all([call.reaches('active'), ringing!.reaches('active')]), 'they did not talk');
    await world.hangUp(call);
    await until(() => ringing!.phase === 'ended');
    expect(world.services.pushed).toHaveLength(1);
    expect(world.services.violations).toEqual([]);
  });

  it('of a call that was cancelled while the callee slept, nothing rings and one missed call is told; the tag names the caller', async () => {
    const call = await world.call();
    const { tag } = await pushed();
    const { device } = world.bob.identity;
    const told = await explained(call.id, 1);
    expect(told).toMatchObject({ why: 'not-reached', pushes: [{ device, type: 'push.sent', reason: 'web' }] });
    expect(await bob.client.push.callerOf(tag)).toBe(world.alice.enrolled.identity.account);
    expect(await bob.client.push.isFrom(tag, world.alice.enrolled.identity.account)).toBe(true);
    expect(await bob.client.push.isFrom(tag, bob.client.identity.account)).toBe(false);
    await world.hangUp(call);
    expect(await until(async () => (await bob.client.wake(tag)) === null)).toBe(true);
    await bob.goOnline();
    const missed = await until(() => bob.history.find((row) => row.call === call.id));
    expect(missed).toMatchObject({ outcome: 'cancelled', direction: 'incoming' });
    expect(bob.rings).toEqual([]);
    expect(bob.history.filter((row) => row.call === call.id)).toHaveLength(1);
    expect(world.services.pushed).toHaveLength(1);
  });

  it('a push that the service does not take at once is sent again; one whose subscription is gone ends it', async () => {
    world.services.answers.push({ status: 503, headers: { 'retry-after': '1' } }, { status: 410 });
    const call = await world.call();
    await until(async () => (await bob.client.push.settings()).subscription === null);
    expect(world.services.pushed).toEqual([]);
    expect(world.services.answers).toEqual([]);
    expect(await explained(call.id, 0)).toMatchObject({ why: 'not-reached', pushes: [] });
    await world.hangUp(call);
  });

  it('a wake is proved: no hello, one that counted, and another push token are refused', async () => {
    const { identity } = world.bob;
    const greet = async (pushToken: Uint8Array) => {
      const { nonce } = (await (await fetch(`${world.server.url}/v1/courier/nonce`)).json()) as { nonce: string };
      const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', pushToken.slice()));
      const draft = hello(identity.chain, {
        nonce,
        deployment: world.deployment.deployment,
        device: identity.device,
        pushTokenHash: Buffer.from(hash).toString('base64url'),
        box: null,
        lastSeq: 0,
        iat: Date.now(),
      });
      return draft.seal(await identity.key.sign(draft.input));
    };
    const wake = (jws: string) =>
      fetch(`${world.server.url}/v1/wake`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ hello: jws }),
      });
    await expectProblem(await wake('a.b.c'), 'unauthenticated', 'hello-malformed');
    await expectProblem(await wake(await greet(new Uint8Array(32))), 'forbidden', 'push-token');
    const once = await greet(identity.pushToken);
    const answer = await wake(once);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ calls: [], envelopes: [], ice: null });
    await expectProblem(await wake(once), 'unauthenticated', 'hello-replayed');
  });

  it('relays: credentials of the shared secret, which reveal nothing, of a call only to who has a part in it, within a quota', async () => {
    const { servers } = await bob.client.ice.servers();
    const turn = servers.find(({ username }) => username !== undefined)!;
    const { username = '', credential } = turn;
    expect(credential).toBe(createHmac('sha1', TURN_SECRET).update(username).digest('base64'));
    const [end, user] = username.split(':');
    expect(Number(end) * 1_000 - Date.now()).toBeGreaterThan(50 * 60_000);
    expect(user).toMatch(/^[A-Za-z0-9_-]{16}$/);
    const { account, device } = world.bob.identity;
    for (const name of [account, device]) expect(username).not.toContain(name.slice(0, 8));
    const stranger = bob.client.ice.servers('a'.repeat(32));
    await expect(stranger).rejects.toMatchObject({ status: 404, reason: 'unknown-call' });
    const byHand = new Prover(world.server.url, world.bob.identity);
    const answers: Response[] = [];
    for (let n = 0; n <= 2 * ICE_QUOTA.burst && answers.at(-1)?.ok !== false; n++)
      answers.push(await byHand.ask('POST', '/v1/ice-servers', { body: '{}' }));
    await expectProblem(answers.at(-1)!, 'too-many-requests', 'ice-servers');
  });

  it('the log repeats no tag, token, endpoint or key', () => {
    const log = world.server.log.join('\n');
    const { apns, account, pushed: all } = world.services;
    const named = [
      TURN_SECRET,
      apns.key.slice(40, 80),
      account.private_key.slice(40, 80),
      '/web/',
      'ab'.repeat(32),
      'cm_token',
    ];
    for (const word of [...named, ...all.map(({ tag }) => tag)]) expect(log).not.toContain(word);
  });
});
