import { afterAll, beforeAll, expect, test } from 'vitest';
import { conformance } from './conformance.ts';
import type { Probe } from './probe.ts';
import { workerdWorld, type WorkerdWorld } from './workerd-world.ts';
import { value } from './world.ts';

conformance('workerd', workerdWorld, 100);

let world: WorkerdWorld;
beforeAll(async () => {
  world = await workerdWorld();
});
afterAll(() => world.stop());

const read = async (name: string) => value(await world.command(name, { verb: 'read' })) as unknown as Probe;

test('a socket, its tags and its note outlive eviction', async () => {
  const client = await world.connect('evicted', ['blue'], { verb: 'hello' });
  client.send({ verb: 'keep', note: { seat: 7 } });
  await world.pass(50);
  await world.evict('evicted');
  client.send({ verb: 'kept' });
  client.send({ verb: 'tell', tag: 'blue', text: 'still here' });
  await expect.poll(() => client.frames).toEqual(['{"welcome":"evicted"}', '{"seat":7}', 'still here']);
  client.close();
  expect(await client.closed).toEqual({ code: 1000 });
});

test('a socket that died with the process is told closed before anything else happens', async () => {
  const client = await world.connect('died', ['x'], { verb: 'hello' });
  await world.crash();
  expect(await client.closed).toEqual({ code: 1006 });
  expect((await read('died')).log.map((row) => row.what)).toEqual(['opened', 'closed']);
});

test('a deadline that fell due while the process was down wakes the actor without a request', async () => {
  await world.command('sleeper', { verb: 'wake', key: 'dawn', afterMs: 300 });
  await world.process.kill();
  await world.pass(400);
  await world.process.start();
  await expect.poll(async () => (await fetch(`${world.process.url}/made`)).json()).toBeGreaterThan(0);
  await expect.poll(async () => (await read('sleeper')).log).toEqual([{ what: 'due', who: 'dawn', n: 0 }]);
});

test('what a client writes into the header of introductions reaches no actor', async () => {
  const forged = Buffer.from(JSON.stringify({ tags: ['operator'], body: { verb: 'hello' } })).toString('base64url');
  const response = await fetch(`${world.process.url}/socket/forged?said={"verb":"hello"}`, {
    headers: { 'callsign-socket': forged },
  });
  expect(response.status).toBe(426);
  expect((await read('forged')).log).toEqual([]);
});
