/** No global state: twenty devices of twenty people live in one process, call each other at the same time, and know nothing of one another. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { base64url } from '../../src/bytes/base64url.ts';
import { memoryStore, webCrypto } from '../../src/sdk/index.ts';
import { Cast, found, until, within } from './suite/cast.ts';
import { deploy, type Deployment } from './suite/server.ts';

const PAIRS = 10;
let deployed: Deployment;
let cast: Cast;

beforeAll(async () => {
  deployed = await deploy();
  const { server, deployment, root } = deployed;
  const own = { crypto: () => webCrypto(), store: async () => memoryStore() };
  cast = new Cast({ origin: server.url, deployment, root, ...own });
});
afterAll(async () => {
  cast?.close();
  await deployed?.server.stop();
});

it('twenty clients of one process talk in ten calls at once, each with its own keys; what one is told or closes touches no other', async () => {
  const globals = Object.getOwnPropertyNames(globalThis).toSorted();
  const people: Awaited<ReturnType<Cast['person']>>[] = [];
  for (let i = 0; i < 2 * PAIRS; i++) people.push(await cast.person());
  const pairs = Array.from({ length: PAIRS }, (_, i) => [people[2 * i]!, people[2 * i + 1]!] as const);
  const talks = await Promise.all(
    pairs.map(async ([alice, bob]) => {
      const call = alice.device.client.call(await found(alice.device, bob.handle));
      const ringing = await bob.device.ring();
      ringing.accept();
      const [mine, theirs] = await within(Promise.all([call.next('media'), ringing.next('media')]), 'media');
      return { alice, bob, call, ringing, mine, theirs };
    }),
  );
  for (const { alice, bob, call, ringing, mine, theirs } of talks) {
    expect([mine.peer.device, theirs.peer.device]).toEqual(
      [bob, alice].map(({ device }) => device.client.identity.device),
    );
    expect([ringing.id, theirs.keys.sas]).toEqual([call.id, mine.keys.sas]);
    expect([alice.device.rings.length, bob.device.rings.map(({ id }) => id)]).toEqual([0, [call.id]]);
    expect([...alice.device.suspicions, ...bob.device.suspicions]).toEqual([]);
  }
  const keys = talks.flatMap(({ mine }) => [mine.keys.signal.send, mine.keys.srtp.audio.send.key].map(base64url));
  expect(new Set(keys).size).toBe(2 * PAIRS);

  const [first, ...others] = talks;
  first!.alice.device.client.close();
  await within(
    Promise.all(
      others.map(async ({ call, ringing }, i) => {
        const heard = ringing.next('signal');
        await call.signal(Uint8Array.of(i));
        expect([...(await heard).content]).toEqual([i]);
      }),
    ),
    'signals of the others',
  );
  for (const { call } of others) call.hangup();
  await until(() => others.every(({ ringing }) => ringing.phase === 'ended'), 'the ends');
  expect(Object.getOwnPropertyNames(globalThis).toSorted()).toEqual(globals);
});
