import { env } from 'cloudflare:workers';
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { expect, test } from 'vitest';
import type { Answer } from '../../src/actors/port.ts';
import { ObjectActors } from '../../src/hosts/cloudflare/actors.ts';
import { Sockets } from '../../src/hosts/cloudflare/sockets.ts';
import type { Said } from '../port/probe.ts';
import { instances, ways, type Env } from './probe-worker.ts';

const bound = env as unknown as Env;
const actors = new ObjectActors(ways(bound));
const address = (name: string) => ({ kind: 'probe', name });
const object = (name: string) => bound.PROBE.get(bound.PROBE.idFromName(name)) as unknown as DurableObjectStub;
const say = (name: string, said: Said, key = crypto.randomUUID()): Promise<Answer> =>
  actors.command(address(name), key, said);

interface Read {
  readonly total: number;
  readonly log: readonly { readonly what: string; readonly who: string }[];
}
async function read(name: string): Promise<Read> {
  const answer = await say(name, { verb: 'read' });
  if (!answer.ok) throw new Error(answer.reason);
  return answer.value as unknown as Read;
}
const tables = (name: string) =>
  runInDurableObject(object(name), (_, state) =>
    state.storage.sql.exec<{ name: string }>(`SELECT name FROM sqlite_master WHERE type = 'table'`).toArray(),
  );
const alarm = (name: string) => runInDurableObject(object(name), (_, state) => state.storage.getAlarm());

async function open(name: string, tags: string[] = []): Promise<{ socket: WebSocket; frames: string[] }> {
  const request = new Request('https://callsign.test/', { headers: { Upgrade: 'websocket' } });
  const response = await actors.upgrade(address(name), request, { tags, body: { verb: 'hello' } });
  const socket = response.webSocket!;
  const frames: string[] = [];
  socket.addEventListener('message', (event) => frames.push(String(event.data)));
  socket.accept();
  return { socket, frames };
}

test('a first touch that only reads leaves no table and no alarm', async () => {
  expect((await read('stranger')).total).toBe(0);
  expect(await tables('stranger')).toEqual([]);
  expect(await alarm('stranger')).toBeNull();
});

test('erasing leaves no table and no alarm', async () => {
  await say('erased', { verb: 'count', by: 1 });
  await say('erased', { verb: 'wake', key: 'later', afterMs: 3_600_000 });
  expect((await tables('erased')).length).toBeGreaterThan(0);
  expect(await alarm('erased')).not.toBeNull();
  await say('erased', { verb: 'erase' });
  expect(await tables('erased')).toEqual([]);
  expect(await alarm('erased')).toBeNull();
});

test('rows and alarm outlive eviction, and the alarm is the earliest deadline', async () => {
  await say('kept', { verb: 'count', by: 4 });
  await say('kept', { verb: 'wake', key: 'later', afterMs: 7_200_000 });
  await say('kept', { verb: 'wake', key: 'sooner', afterMs: 3_600_000 });
  const at = await alarm('kept');
  await evictDurableObject(object('kept'));
  expect((await read('kept')).total).toBe(4);
  expect(await alarm('kept')).toBe(at);
  expect(at).toBeLessThan(Date.now() + 3_700_000);
});

test('a turn that threw has set no alarm', async () => {
  expect(await say('stumbler', { verb: 'stumble' })).toEqual({ ok: false, reason: 'unavailable' });
  expect(await alarm('stumbler')).toBeNull();
  expect(await tables('stumbler')).toEqual([]);
});

test('an alarm whose turn throws is armed again, later each time, and never thrown away', async () => {
  await say('stubborn', { verb: 'stubborn', times: 3 });
  await expect.poll(async () => (await read('stubborn')).log.map((row) => row.who)).toEqual(['stubborn']);
  expect(await alarm('stubborn')).toBeNull();
});

test('an alarm that cannot even read its rows is armed again', async () => {
  await say('broken', { verb: 'wake', key: 'k', afterMs: 3_600_000 });
  await runInDurableObject(
    object('broken'),
    (_, state) => void state.storage.sql.exec('ALTER TABLE port_deadline RENAME TO gone'),
  );
  expect(await runDurableObjectAlarm(object('broken'))).toBe(true);
  expect(await alarm('broken')).toBeGreaterThan(Date.now());
  await runInDurableObject(
    object('broken'),
    (_, state) => void state.storage.sql.exec('ALTER TABLE gone RENAME TO port_deadline'),
  );
});

test('an object whose rows were written by newer code refuses, keeps its rows and looks again', async () => {
  await say('newer', { verb: 'wake', key: 'k', afterMs: 3_600_000 });
  await runInDurableObject(object('newer'), (_, state) => {
    state.storage.sql.exec(`UPDATE port_schema SET version = 99, min_reader = 99 WHERE kind = 'probe'`);
  });
  await evictDurableObject(object('newer'));
  expect(await say('newer', { verb: 'count', by: 1 })).toEqual({ ok: false, reason: 'outdated' });
  expect(await runDurableObjectAlarm(object('newer'))).toBe(true);
  expect(await alarm('newer')).toBeGreaterThan(Date.now());
  await runInDurableObject(object('newer'), (_, state) => {
    state.storage.sql.exec(`UPDATE port_schema SET version = 2, min_reader = 1 WHERE kind = 'probe'`);
  });
  await evictDurableObject(object('newer'));
  expect((await say('newer', { verb: 'count', by: 1 })).ok).toBe(true);
});

test('a turn that can wait is taken before the next one, in the order in which they came', async () => {
  const { socket, frames } = await open('hummer');
  for (const by of [2, 3]) socket.send(JSON.stringify({ verb: 'hum', by }));
  socket.send(JSON.stringify({ verb: 'count', by: 5 }));
  await expect.poll(() => frames.at(-1), { timeout: 15_000 }).toBe(JSON.stringify({ total: 10, applied: true }));
  socket.close(1000);
});

test('a turn that can wait is taken though nothing comes after it', async () => {
  const { socket } = await open('alone');
  socket.send(JSON.stringify({ verb: 'hum', by: 4 }));
  const total = () =>
    runInDurableObject(object('alone'), (_, state) =>
      state.storage.sql.exec<{ total: number }>('SELECT total FROM probe_count').toArray(),
    );
  await expect.poll(total, { timeout: 15_000 }).toEqual([{ total: 4 }]);
  socket.close(1000);
});

test('an alarm that is set stays when it is not wanted so early any more, looks, and is set for what is due next', async () => {
  await say('early', { verb: 'wake', key: 'k', afterMs: 3_600_000 });
  const first = await alarm('early');
  await say('early', { verb: 'wake', key: 'k', afterMs: 7_200_000 });
  expect(await alarm('early')).toBe(first);
  expect(await runDurableObjectAlarm(object('early'))).toBe(true);
  expect((await read('early')).log).toEqual([]);
  expect(await alarm('early')).toBeGreaterThan(Number(first));
  await say('early', { verb: 'wake', key: 'k', afterMs: null });
  expect(await runDurableObjectAlarm(object('early'))).toBe(true);
  expect(await alarm('early')).toBeNull();
});

test('a hibernated socket keeps its id, tags and note, and the keep-alive wakes nobody', async () => {
  const { socket, frames } = await open('sleeper', ['blue']);
  socket.send(JSON.stringify({ verb: 'keep', note: 7 }));
  await expect.poll(() => frames).toHaveLength(1);
  await evictDurableObject(object('sleeper'), { webSockets: 'hibernate' });
  const before = instances.made;
  socket.send('ping');
  await expect.poll(() => frames.at(-1)).toBe('pong');
  expect(instances.made).toBe(before);
  socket.send(JSON.stringify({ verb: 'kept' }));
  await expect.poll(() => frames.at(-1)).toBe('7');
  expect(instances.made).toBe(before + 1);
  socket.close(1000);
  await expect
    .poll(async () => (await read('sleeper')).log)
    .toMatchObject([
      { what: 'opened', who: 'blue' },
      { what: 'closed', who: 'blue' },
    ]);
});

test('a socket counts as heard by a frame and by a keep-alive', async () => {
  const { socket, frames } = await open('heard');
  const heard = () => runInDurableObject(object('heard'), (_, state) => [...new Sockets(state).live().values()][0]!);
  const opened = await heard();
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.send('ping');
  await expect.poll(() => frames.at(-1)).toBe('pong');
  const kept = await heard();
  expect(kept).toBeGreaterThan(opened);
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.send(JSON.stringify({ verb: 'echo', text: 'here' }));
  await expect.poll(() => frames.at(-1)).toBe('here');
  expect(await heard()).toBeGreaterThan(kept);
  socket.close(1000);
});

test('a hint goes through the real queue and makes the actor look', async () => {
  await say('hinted', { verb: 'count', by: 1 });
  await say('hinted', { verb: 'hint', queue: 'hints', key: 'due' });
  await expect.poll(async () => (await read('hinted')).log).toMatchObject([{ what: 'hinted', who: 'hints due' }]);
});
