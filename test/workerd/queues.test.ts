import { createMessageBatch, createExecutionContext, createScheduledController, getQueueResult } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test, vi } from 'vitest';
import type { Consumer, Fault } from '../../src/actors/port.ts';
import { bindings } from '../../src/hosts/cloudflare/bindings.ts';
import { consume } from '../../src/hosts/cloudflare/queues.ts';
import { housekeep } from '../../src/hosts/cloudflare/scheduled.ts';
import { endpoint } from '../../src/hosts/cloudflare/ways.ts';
import { ways, type Env } from './probe-worker.ts';

const bound = env as unknown as Env;
const message = (id: string, body: unknown, attempts = 1) => ({ id, timestamp: new Date(), attempts, body });
const hint = (key: string) => ({ actor: { kind: 'call', name: 'c1' }, key });

async function settled(
  queue: string,
  bodies: [string, unknown, number?][],
  consumer: Consumer,
  more: readonly [string, Consumer][] = [],
) {
  const batch = createMessageBatch(
    queue,
    bodies.map(([id, body, attempts]) => message(id, body, attempts)),
  );
  const faults: Fault[] = [];
  await consume(batch, new Map([['invitations', consumer], ...more]), (fault) => faults.push(fault));
  const result = await getQueueResult(batch, createExecutionContext());
  return { acked: result.explicitAcks, retried: result.retryMessages.map(({ msgId }) => msgId), faults };
}

test('each message is settled by itself: done, not yet, and thrown', async () => {
  const seen: [string, number][] = [];
  const outcome = await settled(
    'callsign-production-invitations',
    [
      ['m1', hint('done')],
      ['m2', hint('later'), 3],
      ['m3', hint('throws')],
    ],
    async ({ key }, attempt) => {
      seen.push([key, attempt]);
      if (key === 'throws') throw new Error('broken');
      return key === 'done' ? { done: true } : { done: false, retryAfterMs: 1_500 };
    },
  );
  expect(outcome).toMatchObject({ acked: ['m1'], retried: ['m2', 'm3'] });
  expect(outcome.faults).toMatchObject([{ type: 'effect-failed', key: 'throws', error: 'broken' }]);
  expect(seen).toEqual([
    ['done', 1],
    ['later', 3],
    ['throws', 1],
  ]);
});

test('hints of one batch that say the same are dealt with once and settled alike', async () => {
  const seen: [string, number][] = [];
  const outcome = await settled(
    'invitations',
    [
      ['m1', hint('done')],
      ['m2', hint('later')],
      ['m3', hint('done'), 2],
      ['m4', hint('later')],
    ],
    async ({ key }, attempt) => {
      seen.push([key, attempt]);
      return key === 'done' ? { done: true } : { done: false, retryAfterMs: 1_500 };
    },
  );
  expect(outcome).toMatchObject({ acked: ['m1', 'm3'], retried: ['m2', 'm4'], faults: [] });
  expect(seen).toEqual([
    ['done', 2],
    ['later', 1],
  ]);
});

test('a dead letter and what is no hint are acknowledged and become an operator fault, without their bodies', async () => {
  const never: Consumer = async () => {
    throw new Error('a dead letter is not tried again');
  };
  const dead = await settled('invitations-dead', [['m1', { ...hint('k'), secret: 'body' }]], never);
  expect(dead).toMatchObject({ acked: ['m1'], retried: [] });
  expect(dead.faults).toEqual([
    { type: 'hint-dead', actor: { kind: 'call', name: 'c1' }, key: 'k', error: 'invitations-dead' },
  ]);
  const odd = await settled(
    'invitations',
    [
      ['m1', 'junk'],
      ['m2', null],
      ['m3', { actor: 'x', key: 'k' }],
    ],
    never,
  );
  expect(odd).toMatchObject({ acked: ['m1', 'm2', 'm3'], retried: [] });
  expect(odd.faults.map(({ type }) => type)).toEqual(['hint-dead', 'hint-dead', 'hint-dead']);
});

test('a dead letter is told to who buries them, under the queue that gave up, and tried again when that fails', async () => {
  const buried: string[] = [];
  const bury: Consumer = async ({ key }) => {
    buried.push(key);
    if (key.endsWith('again')) throw new Error('the feed takes nothing');
    return { done: true };
  };
  const outcome = await settled(
    'callsign-production-invitations-dead',
    [
      ['m1', hint('legs')],
      ['m2', hint('again')],
      ['m3', 'junk'],
    ],
    async () => ({ done: true }),
    [['dead', bury]],
  );
  expect(outcome).toMatchObject({ acked: ['m1', 'm3'], retried: ['m2'] });
  expect(buried).toEqual(['invitations legs', 'invitations again']);
  expect(outcome.faults.map(({ type }) => type)).toEqual(['hint-dead', 'hint-dead', 'hint-dead', 'effect-failed']);
});

test('a message that exhausts its attempts reaches the dead-letter consumer through the real queues', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {});
  await bound.HINTS.send({ actor: { kind: 'nonesuch', name: 'n' }, key: 'doomed' });
  await expect
    .poll(() => said.mock.calls.flat().filter((line) => /hint-dead.*doomed/.test(String(line))))
    .toHaveLength(1);
  said.mockRestore();
});

test('every chore has its turn, and one that fails is reported and holds up none', async () => {
  const done: string[] = [];
  const faults: Fault[] = [];
  const chore = (name: string) => ({
    name,
    work: async (now: number) => {
      if (name === 'broken') throw new Error('broken');
      done.push(`${name} ${now}`);
    },
  });
  const event = createScheduledController({ scheduledTime: 1_000, cron: '*/5 * * * *' });
  await housekeep(event, ['a', 'broken', 'b'].map(chore), (fault) => faults.push(fault));
  expect(done).toEqual(['a 1000', 'b 1000']);
  expect(faults).toMatchObject([{ type: 'effect-failed', actor: { name: 'broken' } }]);
});

test('a deployment that lacks bindings says in sentences which, and does not start', () => {
  expect(() => bindings({})).toThrow(
    /DB is not bound: wrangler.toml must bind a D1 database .* under \[\[d1_databases\]\]\. .*WAKEUPS is not bound.*DEPLOYMENT is not set.*JURISDICTION is not set/,
  );
});

test('an actor refuses mail that is addressed to another', async () => {
  const there = endpoint(ways(bound), { kind: 'probe', name: 'right' });
  const mail = {
    from: { kind: 'probe', name: 'x' },
    to: { kind: 'probe', name: 'wrong' },
    number: 1,
    key: 'k',
    body: { verb: 'note', n: 1 },
  };
  expect(await there.receive(mail)).toEqual({ ok: false, reason: 'unavailable' });
});
