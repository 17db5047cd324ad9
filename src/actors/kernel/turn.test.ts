import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '../../hosts/simulator/memory-store.ts';
import type { Actor, Turn } from '../port.ts';
import { heads } from './mail.ts';
import { Memory } from './memory.ts';
import { migrate, schemaState } from './schema.ts';
import { takeTurn, type Trigger } from './turn.ts';

const self = { kind: 'toy', name: 'a' };
const step = (sql: string) => ({ minReader: 1, sql: [sql] });
const TABLE = `CREATE TABLE toy (actor TEXT NOT NULL PRIMARY KEY, n INTEGER) WITHOUT ROWID`;

function toy(act: (t: Turn) => unknown, part: Partial<Actor> = {}): Actor {
  return {
    kind: 'toy',
    tables: ['toy'],
    schema: [step(TABLE)],
    admit: async (arrival) => arrival.body,
    turn: (t) => (act(t) ?? null) as null,
    ...part,
  };
}

let store: MemoryStore;
beforeEach(() => {
  store = new MemoryStore();
});

const take = (actor: Actor, now = 1_000, trigger: Trigger = { type: 'command', from: null, key: 'k', body: null }) =>
  takeTurn(
    { store, actor, self, now, random: (n) => new Uint8Array(n), live: new Map(), ready: false, memory: new Memory() },
    trigger,
  );

describe('a turn', () => {
  it.each([
    ['a read that writes', (t: Turn) => t.all(`DELETE FROM toy WHERE actor = ?1 RETURNING n`)],
    ['a statement that does not name its own rows', (t: Turn) => t.all(`SELECT n FROM toy`)],
    ['a write after it erased itself', (t: Turn) => (t.erase(), t.run(`INSERT INTO toy (actor) VALUES (?1)`))],
    ['mail that would outlive its receiver’s memory', (t: Turn) => t.post(self, 'k', null, t.now + 24 * 3_600_000)],
    ['mail larger than a row', (t: Turn) => t.post(self, 'k', 'x'.repeat(1_000_001), t.now + 1)],
  ])('refuses %s', (_, act) => {
    expect(() => take(toy(act))).toThrow(/all\(\)|own rows|erased itself|23 h|larger/);
  });

  it('never goes back in time, whatever the host’s clock says', () => {
    const seen: number[] = [];
    const actor = toy((t) => {
      seen.push(t.now);
      t.run(`INSERT OR REPLACE INTO toy (actor, n) VALUES (?1, 1)`);
    });
    for (const now of [1_000, 900, 1_100]) take(actor, now);
    expect(seen).toEqual([1_000, 1_000, 1_100]);
  });

  it('that only reads says that it wrote nothing', () => {
    expect(take(toy((t) => t.all(`SELECT n FROM toy WHERE actor = ?1`))).wrote).toBe(false);
  });

  it('that says by when it is to be woken moves a deadline forward, never back', () => {
    const at = (by: number) => take(toy((t) => t.wakeBy('k', by))).wakeAt;
    expect([at(5_000), at(7_000), at(3_000), at(4_000)]).toEqual([5_000, undefined, 3_000, undefined]);
  });

  it('numbers mail so that a sender made anew counts above its earlier life', () => {
    const post = toy((t) => t.post({ kind: 'toy', name: 'b' }, 'k', null, t.now + 10));
    take(post, 1_000);
    const [first] = heads(store, self, new Memory(), 1_000);
    take(
      toy((t) => t.erase()),
      1_000,
    );
    take(post, 1_001);
    const [second] = heads(store, self, new Memory(), 1_001);
    expect(second!.mail.number).toBeGreaterThan(first!.mail.number);
  });
});

describe('schema steps', () => {
  const one = toy(() => null);
  const two = toy(() => null, {
    schema: [step(TABLE), { minReader: 2, sql: [`ALTER TABLE toy ADD COLUMN more TEXT`] }],
  });

  it('run once each, in order, and the rows of newer code are refused by code that may not read them', () => {
    migrate(store, one);
    expect(schemaState(store, one)).toBe('current');
    expect(schemaState(store, two)).toBe('behind');
    migrate(store, two);
    migrate(store, two);
    expect(schemaState(store, two)).toBe('current');
    expect(schemaState(store, one)).toBe('outdated');
  });

  it('that allow it leave older code in service', () => {
    const gentle = toy(() => null, {
      schema: [step(TABLE), { minReader: 1, sql: [`ALTER TABLE toy ADD COLUMN more TEXT`] }],
    });
    migrate(store, gentle);
    expect(schemaState(store, one)).toBe('current');
  });

  it('refuse a table whose rows are not keyed by their actor', () => {
    const wrong = toy(() => null, { schema: [step(`CREATE TABLE toy (n INTEGER, actor TEXT)`)] });
    expect(() => migrate(store, wrong)).toThrow(/begin with a column named actor/);
  });
});
