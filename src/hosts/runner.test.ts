import { describe, expect, it } from 'vitest';
import { Memory } from '../actors/kernel/memory.ts';
import type { Trigger } from '../actors/kernel/turn.ts';
import type { Actor } from '../actors/port.ts';
import { Runner, type Platform } from './runner.ts';

const self = { kind: 'toy', name: 'a' };
const NOW = 1_000;
const toy: Actor = { kind: 'toy', tables: [], schema: [], admit: () => null, turn: () => null };

/** A platform whose rows know one overdue deadline; what a commit does is the test's to say. */
function platform(
  commit: (trigger: Trigger) => Promise<'outdated'>,
): Platform & { armed: (number | null)[]; taken: string[] } {
  const armed: (number | null)[] = [];
  const taken: string[] = [];
  const store = {
    all: (sql: string) =>
      (sql.includes('port_deadline')
        ? [
            { key: 'overdue', at: 1 },
            { key: 'second', at: 1 },
          ]
        : [{ n: 0 }]) as never[],
    run: () => 0,
  };
  return {
    armed,
    taken,
    actors: new Map(),
    now: () => NOW,
    commit: (_, trigger) => {
      taken.push(trigger.type === 'due' ? trigger.key : trigger.type);
      return commit(trigger);
    },
    maintain: async (_, work) => work(store, new Memory()),
    carry: async () => null,
    ask: async () => null,
    send: () => undefined,
    close: () => undefined,
    liveSockets: () => new Set<string>(),
    enqueue: async () => undefined,
    arm: (_, at) => armed.push(at),
    report: () => undefined,
  };
}

describe('the runner', () => {
  it('looks at an actor whose rows are newer than this code once a minute, not at once again and again', async () => {
    const host = platform(async () => 'outdated');
    await new Runner(host).alarm(self);
    expect(host.taken).toEqual(['overdue']);
    expect(host.armed).toEqual([NOW + 60_000]);
  });

  it('keeps a mail whose answer only newer code can take, and tries again in a minute', async () => {
    const host = platform(async () => 'outdated');
    const mail = { peer: 'toy/b', number: 7, key: 'k', body: 'null', until: NOW + 5_000 };
    const rows = (sql: string) =>
      (sql.includes('o.peer') ? [mail] : sql.includes('COUNT') ? [{ n: 1 }] : []) as never[];
    const runner = new Runner({
      ...host,
      maintain: async (_, work) => work({ all: rows, run: () => 0 }, new Memory()),
    });
    await runner.alarm(self);
    await new Promise((resolve) => setImmediate(resolve));
    expect(host.taken).toEqual(['settled']);
    expect(host.armed.at(-1)).toBe(NOW + 60_000);
  });

  it('goes on with the next deadline after one that threw', async () => {
    const host = platform(async () => {
      throw new Error('stumbled');
    });
    await new Runner(host).alarm(self);
    expect(host.taken).toEqual(['overdue', 'second']);
  });

  describe('mail whose answers come', () => {
    /** An outbox of mail to these peers, and what each turn on an answer was told: its peer, and whether it may wait. */
    async function answersFrom(peers: readonly string[], more = 0): Promise<[string, boolean][]> {
      const host = platform(async () => 'outdated');
      const rows = peers.map((peer, at) => ({
        peer: `toy/${peer}`,
        number: at,
        key: peer,
        body: 'null',
        until: NOW + 5_000,
      }));
      const taken: [string, boolean][] = [];
      const runner = new Runner({
        ...host,
        actors: new Map([['toy', { ...toy, canWait: (turn) => turn.type === 'answered' && turn.key === 'slow' }]]),
        maintain: async (_, work) =>
          work(
            {
              all: (sql: string) =>
                (sql.includes('o.peer') ? rows : sql.includes('COUNT') ? [{ n: rows.length + more }] : []) as never[],
              run: () => 0,
            },
            new Memory(),
          ),
        commit: async (_, trigger, patient) => {
          if (trigger.type !== 'settled') return 'outdated';
          taken.push([trigger.to.name, patient]);
          rows.splice(
            rows.findIndex(({ key }) => key === trigger.to.name),
            1,
          );
          return { answer: null, effects: [], wrote: true, erased: false, wakeAt: undefined, mail: false };
        },
        carry: ({ to }) => Promise.resolve(to.name),
      });
      await runner.alarm(self);
      await new Promise((resolve) => setImmediate(resolve));
      return taken;
    }

    it('settles those that come while others are awaited with the last of them', async () => {
      expect(await answersFrom(['b', 'c', 'd'])).toEqual([
        ['b', true],
        ['c', true],
        ['d', false],
      ]);
    });

    it('lets one wait that the actor does not heed', async () => {
      expect(await answersFrom(['slow'])).toEqual([['slow', true]]);
    });

    it('lets none wait while mail waits behind them', async () => {
      expect(await answersFrom(['b', 'slow'], 1)).toEqual([
        ['b', false],
        ['slow', false],
      ]);
    });
  });
});
