import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Shard, Unavailable, type CommitPoint } from './shard.ts';

let folder = '';
let shard: Shard;
let points: CommitPoint[] = [];
let at: (point: CommitPoint) => void = () => {};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'callsign-shard-'));
  points = [];
  at = (point) => points.push(point);
  shard = new Shard(join(folder, 'rows.sqlite'), { at: (point) => at(point), longestTakingMs: Infinity });
  shard.now((store) => {
    store.run(`CREATE TABLE parent (id INTEGER PRIMARY KEY)`, []);
    store.run(
      `CREATE TABLE row (n INTEGER PRIMARY KEY, of INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)`,
      [],
    );
  });
});

afterEach(() => {
  vi.useRealTimers();
  shard.close();
  rmSync(folder, { recursive: true });
});

const insert = (n: number) => shard.take((store) => store.run(`INSERT INTO row (n) VALUES (?1)`, [n]));

/** What another process would find on disk right now. */
function durable(): number[] {
  const other = new DatabaseSync(join(folder, 'rows.sqlite'), { readOnly: true });
  const rows = other.prepare(`SELECT n FROM row ORDER BY n`).all();
  other.close();
  return rows.map((row) => Number(row['n']));
}

const rejections = (results: PromiseSettledResult<unknown>[]) =>
  results.filter((result) => result.status === 'rejected');

test('work that arrives together shares one commit, and each hears its own result in order', async () => {
  const heard: number[] = [];
  const all = Array.from({ length: 64 }, (_, n) => insert(n).then((changed) => heard.push(n * changed)));
  await Promise.all(all);
  expect(points).toEqual(['before-commit', 'after-commit']);
  expect(heard).toEqual(Array.from({ length: 64 }, (_, n) => n));
  expect(durable()).toHaveLength(64);
});

const patiently = (n: number) => shard.takePatiently((store) => store.run(`INSERT INTO row (n) VALUES (?1)`, [n]));

async function ticks(): Promise<void> {
  for (let tick = 0; tick < 5; tick++) await new Promise((resolve) => setImmediate(resolve));
}

test('patient work waits a moment for more of its kind, and all of it shares one commit', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const all = [patiently(1), patiently(2)];
  await ticks();
  all.push(patiently(3));
  await ticks();
  expect(points).toEqual([]);
  await vi.advanceTimersByTimeAsync(10);
  await Promise.all(all);
  expect(points).toEqual(['before-commit', 'after-commit']);
  expect(durable()).toEqual([1, 2, 3]);
});

test('other work takes patient work along, in the order in which both came', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const heard: string[] = [];
  await Promise.all([patiently(1).then(() => heard.push('patient')), insert(2).then(() => heard.push('other'))]);
  expect(heard).toEqual(['patient', 'other']);
  expect(points).toEqual(['before-commit', 'after-commit']);
  expect(durable()).toEqual([1, 2]);
});

test('patient work that still waits when the file is closed is told so', async () => {
  const late = patiently(1);
  shard.close();
  await expect(late).rejects.toThrow(Unavailable);
  shard = new Shard(join(folder, 'rows.sqlite'));
  expect(durable()).toEqual([]);
});

test('a throw among 64 takes back what it wrote, and nothing of the others', async () => {
  const results = await Promise.allSettled(
    Array.from({ length: 64 }, (_, n) =>
      shard.take((store) => {
        store.run(`INSERT INTO row (n) VALUES (?1)`, [n]);
        if (n === 31) throw new Error('stumbled');
      }),
    ),
  );
  expect(rejections(results)).toEqual([{ status: 'rejected', reason: new Error('stumbled') }]);
  expect(durable()).toEqual(Array.from({ length: 64 }, (_, n) => n).filter((n) => n !== 31));
});

test('nobody hears of a commit before it is on disk, not even a reader of its rows', async () => {
  const heard: string[] = [];
  const seen: unknown[] = [];
  at = (point) => seen.push([point, [...heard], durable()]);
  const writer = insert(1).then(() => heard.push('writer'));
  const reader = shard
    .take((store) => store.all<{ n: number }>(`SELECT n FROM row`, []))
    .then((rows) => heard.push(`reader saw ${rows.length}`));
  await Promise.all([writer, reader]);
  expect(seen).toEqual([
    ['before-commit', [], []],
    ['after-commit', [], [1]],
  ]);
  expect(heard).toEqual(['writer', 'reader saw 1']);
});

test('a commit that fails fails everybody in it and leaves nothing, and the next one stands', async () => {
  const orphan = shard.take((store) => store.run(`INSERT INTO row (n, of) VALUES (1, 404)`, []));
  const results = await Promise.allSettled([insert(2), orphan, insert(3)]);
  expect(rejections(results)).toHaveLength(3);
  const reason = new Unavailable('the commit failed: Error: FOREIGN KEY constraint failed');
  for (const result of results) expect(result).toMatchObject({ reason });
  expect(durable()).toEqual([]);
  await insert(4);
  expect(durable()).toEqual([4]);
});

test('when SQLite ends the transaction by itself, nothing commits alone and everybody in it fails', async () => {
  const first = insert(1);
  const broken = shard.take((store) => {
    store.run('ROLLBACK', []);
    try {
      store.run(`INSERT INTO row (n) VALUES (2)`, []);
    } catch {
      // An actor that swallows the error must not get further than the host lets it.
    }
  });
  const results = await Promise.allSettled([first, broken, insert(3)]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  expect(durable()).toEqual([3]);
});

test('a long queue is taken in turns, and others get a word in between', async () => {
  let between = 0;
  const all = Promise.all(Array.from({ length: 1_000 }, (_, n) => insert(n)));
  const count = () => {
    between++;
    if (shard.waiting > 0) setImmediate(count);
  };
  setImmediate(count);
  await all;
  expect(points.filter((point) => point === 'after-commit').length).toBeGreaterThanOrEqual(4);
  expect(between).toBeGreaterThanOrEqual(3);
});

test('after closing, work is refused as unavailable, and so is what still waited', async () => {
  const waiting = insert(1);
  shard.close();
  await expect(waiting).rejects.toBeInstanceOf(Unavailable);
  await expect(insert(2)).rejects.toBeInstanceOf(Unavailable);
  shard = new Shard(join(folder, 'rows.sqlite'));
  expect(durable()).toEqual([]);
});

test('a commit is on disk before it counts: write-ahead log, synchronous=FULL', () => {
  const pragma = (name: string) => shard.now((store) => store.all(`PRAGMA ${name}`, []))[0];
  expect(pragma('journal_mode')).toEqual({ journal_mode: 'wal' });
  expect(pragma('synchronous')).toEqual({ synchronous: 2 });
});
