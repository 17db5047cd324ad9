import { expect, it } from 'vitest';
import { consumers } from '../../src/jobs/consumers.ts';
import { DEAD_LETTERS } from '../../src/jobs/dead.ts';
import { openDatabase } from './database.ts';

const db = openDatabase();
const nobody = { command: async () => null, hinted: async () => null } as never;
let now = 1_800_000_000_000;
const all = consumers({
  actors: nobody,
  db,
  now: () => now,
  push: Promise.resolve({ send: () => Promise.reject(new Error('never')) }),
  codes: Promise.resolve(null as never),
});
const CALL = 'c0'.repeat(16);

it('a hint that was tried to its end is one alarm in the operator’s feed, which names the queue and the actor and nothing else', async () => {
  const bury = all.get(DEAD_LETTERS)!;
  expect(await bury({ actor: { kind: 'call', name: CALL }, key: 'invitations legs' }, 1)).toEqual({ done: true });
  const rows = (await db.events.after(0, ['hint.dead'], 10)).map(({ row }) => row);
  expect(rows).toMatchObject([
    { type: 'hint.dead', severity: 'alarm', actor: 'call', subject: CALL, reason: 'invitations', at: now },
  ]);
  now += 60_000;
  await bury({ actor: { kind: 'device', name: 'd' }, key: 'wakeups 7' }, 1);
  expect((await db.events.after(0, ['hint.dead'], 10)).map(({ row }) => row.reason)).toEqual([
    'invitations',
    'wakeups',
  ]);
});

it('every queue has its consumer, the dead letters too', () => {
  expect([...all.keys()]).toEqual(expect.arrayContaining(['events', 'invitations', 'wakeups', DEAD_LETTERS]));
});
