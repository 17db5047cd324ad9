import { describe, expect, it } from 'vitest';
import { Memory } from '../actors/kernel/memory.ts';
import type { Trigger } from '../actors/kernel/turn.ts';
import { Runner, type Platform } from './runner.ts';

const self = { kind: 'toy', name: 'a' };
const NOW = 1_000;

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
});
