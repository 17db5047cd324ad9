import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Consumer, Fault } from '../../actors/port.ts';
import { dropJobs, Jobs, keepJob } from './jobs.ts';
import { Shards } from './shards.ts';

const self = { kind: 'probe', name: 'a' };
let folder = '';
let shards: Shards;
let jobs: Jobs | undefined;
let faults: Fault[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'callsign-jobs-'));
  shards = new Shards(folder, 1, []);
  faults = [];
});

afterEach(() => {
  vi.useRealTimers();
  jobs?.stop();
  for (const shard of shards.all) shard.close();
  rmSync(folder, { recursive: true });
});

function start(consumer: Consumer, more: readonly [string, Consumer][] = []): Jobs {
  jobs = new Jobs({
    shards: shards.all,
    consumers: new Map([['q', consumer], ...more]),
    now: () => Date.now(),
    report: (fault) => faults.push(fault),
  });
  jobs.start();
  return jobs;
}

const hint = (key: string) => shards.of(self).take((store) => keepJob(store, self, 'q', key, Date.now()));
const left = () => shards.of(self).take((store) => store.all<{ key: string }>(`SELECT key FROM host_job`, []));
const emptied = () => expect.poll(left).toEqual([]);

test('what an earlier process left is done once, and then gone', async () => {
  for (const key of ['a', 'b', 'c']) await hint(key);
  const done: string[] = [];
  start(async ({ actor, key }, attempt) => {
    done.push(`${actor.kind}/${actor.name} ${key} ${attempt}`);
    return { done: true };
  });
  await emptied();
  expect(done.toSorted()).toEqual(['probe/a a 1', 'probe/a b 1', 'probe/a c 1']);
});

test('a hint that may wait is done at its time, once for all that came; one that may not brings it forward', async () => {
  const done: string[] = [];
  const consumer: Consumer = async ({ key }, attempt) => {
    done.push(`${key} ${attempt}`);
    return { done: true };
  };
  const keep = (key: string, at: number) => shards.of(self).take((store) => keepJob(store, self, 'q', key, at));
  const later = Date.now() + 3_600_000;
  for (const key of ['waits', 'waits', 'hurries']) await keep(key, later);
  await keep('hurries', Date.now());
  await keep('hurries', later);
  start(consumer);
  await expect.poll(left).toEqual([{ key: 'waits' }]);
  expect(done).toEqual(['hurries 1']);
  vi.useFakeTimers({ now: later, toFake: ['Date'] });
  jobs!.stop();
  start(consumer);
  await emptied();
  expect(done).toEqual(['hurries 1', 'waits 1']);
});

test('more hints than are looked at together are all done', async () => {
  const done = new Set<string>();
  const started = start(async ({ key }) => {
    done.add(key);
    return { done: true };
  });
  await Promise.all(Array.from({ length: 500 }, (_, n) => hint(`${n}`)));
  started.look(shards.of(self));
  await emptied();
  expect(done.size).toBe(500);
});

test('a hint that waits already is one job; one that comes while its job runs makes it run again', async () => {
  await hint('k');
  await hint('k');
  const running = Promise.withResolvers<void>();
  let runs = 0;
  const started = start(async () => {
    if (++runs === 1) await running.promise;
    return { done: true };
  });
  await expect.poll(() => runs).toBe(1);
  await hint('k');
  started.look(shards.of(self));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(runs).toBe(1);
  running.resolve();
  await emptied();
  expect(runs).toBe(2);
});

test('looking later does not put off looking soon', async () => {
  const started = start(async () => ({ done: true }));
  await hint('k');
  started.look(shards.of(self));
  started.look(shards.of(self), 60_000);
  await emptied();
});

test('a job that is not done comes again when it asked to, and one that throws comes again later each time', async () => {
  const at: number[] = [];
  await hint('k');
  start(async (_hint, attempt) => {
    at.push(Date.now());
    if (attempt === 1) return { done: false, retryAfterMs: 50 };
    if (attempt === 2) return { done: false, retryAfterMs: 100 };
    return { done: true };
  });
  await emptied();
  expect(at).toHaveLength(3);
  expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(50);
  expect(at[2]! - at[1]!).toBeGreaterThanOrEqual(100);
});

test('after ten attempts a hint is dead: the operator is told without a body, and the row is gone', async () => {
  let attempts = 0;
  await hint('k');
  start(async () => {
    attempts++;
    return { done: false, retryAfterMs: 1 };
  });
  await emptied();
  expect(attempts).toBe(10);
  expect(faults).toEqual([{ type: 'hint-dead', actor: self, key: 'q k', error: 'not done' }]);
});

test('a hint to a queue without a consumer stays, to be tried again', async () => {
  await shards.of(self).take((store) => keepJob(store, self, 'unknown', 'k', Date.now()));
  start(async () => ({ done: true }));
  const attempts = () => shards.of(self).take((store) => store.all(`SELECT attempt FROM host_job`, []));
  await expect.poll(attempts).toEqual([{ attempt: 1 }]);
  expect(faults).toEqual([]);
});

test('an erased actor leaves no job behind', async () => {
  await hint('k');
  await shards.of(self).take((store) => dropJobs(store, self));
  expect(await left()).toEqual([]);
});

test('a hint that was given up is told to who buries it, in the transaction that forgets it, and once', async () => {
  const buried: string[] = [];
  await hint('k');
  start(
    async () => ({ done: false, retryAfterMs: 1 }),
    [
      [
        'dead',
        async ({ actor, key }) => {
          buried.push(`${actor.kind}/${actor.name} ${key}`);
          return { done: true };
        },
      ],
    ],
  );
  await emptied();
  expect(buried).toEqual(['probe/a q k']);
  expect(faults.map(({ type }) => type)).toEqual(['hint-dead']);
});
