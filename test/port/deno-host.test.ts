import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PATIENCE_MS } from '../support/patience.ts';
import { denoWorld, type DenoWorld } from './deno-world.ts';
import type { Probe } from './probe.ts';
import { value } from './world.ts';

let world: DenoWorld;
beforeEach(async () => {
  world = await denoWorld();
});
afterEach(() => world.stop());

const read = async (name: string) => value(await world.command(name, { verb: 'read' })) as unknown as Probe;
const said = async (name: string, what: string) => (await read(name)).log.filter((row) => row.what === what);

describe('a process that dies by SIGKILL', () => {
  test('between the turn and its commit has done nothing', async () => {
    await world.fatal('before-commit', 0);
    expect(await world.command('a', { verb: 'count', by: 5 }, 'k')).toEqual({ ok: false, reason: 'unavailable' });
    await world.crash();
    expect(value(await world.command('a', { verb: 'count', by: 5 }, 'k'))).toEqual({ total: 5, applied: true });
  });

  test('between the commit and its answer has done it, once', async () => {
    await world.fatal('after-commit', 0);
    expect(await world.command('a', { verb: 'count', by: 5 }, 'k')).toEqual({ ok: false, reason: 'unavailable' });
    await world.crash();
    expect(value(await world.command('a', { verb: 'count', by: 5 }, 'k'))).toEqual({ total: 5, applied: false });
  });

  test.each(['before-commit', 'after-commit'] as const)(
    'at any commit on the way of three mails (%s) delivers each once and in order',
    async (point) => {
      for (let after = 1; after <= 9; after++) {
        const [from, to] = [`from-${after}`, `to-${after}`];
        const posting = world.command(from, { verb: 'post', to, count: 3, forMs: 600_000 }, 'post');
        await world.fatal(point, after).catch(() => {});
        const posted = await posting;
        await world.pass(40);
        await world.crash();
        if (!posted.ok) continue;
        await expect.poll(() => said(from, 'answered')).toHaveLength(3);
        expect((await said(to, 'mail')).map((row) => row.n)).toEqual([1, 2, 3]);
      }
    },
  );

  test('has its hints done after the next start, because they were committed with their turn', async () => {
    await world.fatal('after-commit', 0);
    await world.command('a', { verb: 'hint', queue: 'hints', key: 'h' });
    await world.crash();
    await expect.poll(() => said('a', 'hinted')).toEqual([{ what: 'hinted', who: 'hints h', n: 0 }]);
  });

  test('rings what fell due meanwhile as soon as it is back, without being asked', async () => {
    await world.command('a', { verb: 'wake', key: 'soon', afterMs: 50 });
    await world.command('a', { verb: 'wake', key: 'later', afterMs: 1_500 });
    await world.crash();
    await expect.poll(async () => (await said('a', 'due')).map((row) => row.who)).toContain('soon');
    await expect.poll(async () => (await said('a', 'due')).map((row) => row.who)).toEqual(['soon', 'later']);
  });

  test('tells every actor of its dead sockets once, before anything else', async () => {
    await Promise.all([1, 2, 3].map((n) => world.connect('a', [`t${n}`], { verb: 'hello' })));
    await expect.poll(() => said('a', 'opened')).toHaveLength(3);
    await world.crash();
    await world.crash();
    const closed = await said('a', 'closed');
    expect(closed.map((row) => row.who).toSorted()).toEqual(['t1', 't2', 't3']);
  });
});

test('a second process on the same folder refuses to start and says who holds it', () => {
  const main = new URL('./deno-main.ts', import.meta.url).pathname;
  const deno = new URL('../../node_modules/deno/deno', import.meta.url).pathname;
  const second = spawnSync(deno, ['run', '-A', '--no-remote', main, world.folder], { timeout: PATIENCE_MS });
  expect(second.status).toBe(1);
  expect(String(second.stderr)).toMatch(/The data folder .* is in use by process \d+\./);
});

test('SIGTERM answers what is under way, bids farewell, closes sockets with 1012, tells their actors and exits with 0', async () => {
  const client = await world.connect('a', ['polite'], { verb: 'hello' });
  const curt = await world.connect('b', [], { verb: 'hello' });
  await expect.poll(() => [client.frames, curt.frames]).toEqual([['{"welcome":"a"}'], ['{"welcome":"b"}']]);
  expect(await world.terminate()).toBe(0);
  expect(await Promise.all([client.closed, curt.closed])).toEqual([{ code: 1012 }, { code: 1012 }]);
  expect(client.frames.slice(1)).toEqual(['until later, all 2']);
  expect(curt.frames).toHaveLength(1);
  await world.start();
  expect((await read('a')).log.map((row) => row.what)).toEqual(['opened', 'closed']);
  expect(world.faults).toEqual([]);
});

test('the keep-alive is answered without a turn', async () => {
  const client = await world.connect('a', [], { verb: 'hello' });
  client.send('ping');
  client.send({ verb: 'echo', text: 'after' });
  await expect.poll(() => client.frames).toEqual(['{"welcome":"a"}', 'pong', 'after']);
  expect((await read('a')).log.map((row) => row.what)).toEqual(['opened']);
});

test('a frame larger than 1 MiB closes its socket and reaches nobody', async () => {
  const client = await world.connect('a', ['x'], { verb: 'hello' });
  client.send({ verb: 'echo', text: 'x'.repeat(1_100_000) });
  expect(await client.closed).toEqual({ code: 1009 });
  await expect.poll(async () => (await read('a')).log.map((row) => row.what)).toEqual(['opened', 'closed']);
});
