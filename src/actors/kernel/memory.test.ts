import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MemoryStore } from '../../hosts/simulator/memory-store.ts';
import type { Actor, Turn } from '../port.ts';
import { isFree } from './mail.ts';
import { Memory } from './memory.ts';
import { migrate } from './schema.ts';
import { owed, takeTurn, type Ground, type Trigger } from './turn.ts';

const self = { kind: 'toy', name: 'a' };
const peer = (name: string) => ({ kind: 'toy', name });

type Move =
  | { do: 'wake'; key: string; at: number | null }
  | { do: 'by'; key: string; at: number }
  | { do: 'post'; to: string }
  | { do: 'note'; note: string }
  | { do: 'set'; n: number; keeps: boolean }
  | { do: 'clear' }
  | { do: 'erase' }
  | { do: 'look' };

const toy: Actor<readonly Move[]> = {
  kind: 'toy',
  tables: ['toy'],
  schema: [{ minReader: 1, sql: [`CREATE TABLE toy (actor TEXT NOT NULL PRIMARY KEY, n INTEGER) WITHOUT ROWID`] }],
  admit: () => [],
  turn: (t, event) => {
    const moves = event.type === 'command' || event.type === 'opened' || event.type === 'frame' ? event.body : [];
    for (const move of moves) make(t, move);
    return [t.recall('toy', 'n', () => read(t)), ...t.sockets().map(({ id, note }) => [id, note])];
  },
};

function read(t: Turn): number | null {
  return t.all<{ n: number }>(`SELECT n FROM toy WHERE actor = ?1`)[0]?.n ?? null;
}

function set(t: Turn, { n, keeps }: Move & { do: 'set' }): void {
  t.run(`INSERT INTO toy (actor, n) VALUES (?1, ?2) ON CONFLICT (actor) DO UPDATE SET n = excluded.n`, n);
  if (keeps) t.keep('toy', 'n', n);
}

function make(t: Turn, move: Move): void {
  if (move.do === 'wake') t.wake(move.key, move.at);
  else if (move.do === 'by') t.wakeBy(move.key, move.at);
  else if (move.do === 'post') t.post(peer(move.to), 'k', null, t.now + 1_000);
  else if (move.do === 'note') for (const socket of t.sockets()) socket.note = move.note;
  else if (move.do === 'set') set(t, move);
  else if (move.do === 'clear') t.run(`DELETE FROM toy WHERE actor = ?1`);
  else if (move.do === 'erase') t.erase();
}

const moves: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('wake' as const),
      key: fc.constantFrom('x', 'y'),
      at: fc.option(fc.integer({ min: 1, max: 60 })),
    }),
    fc.record({
      do: fc.constant('by' as const),
      key: fc.constantFrom('x', 'y'),
      at: fc.integer({ min: 1, max: 60 }),
    }),
    fc.record({ do: fc.constant('post' as const), to: fc.constantFrom('b', 'c') }),
    fc.record({ do: fc.constant('note' as const), note: fc.constantFrom('1', '2') }),
    fc.record({ do: fc.constant('set' as const), n: fc.nat(3), keeps: fc.boolean() }),
    fc.constant({ do: 'clear' as const }),
    fc.constant({ do: 'look' as const }),
    fc.constant({ do: 'erase' as const }),
  ),
  { maxLength: 3 },
);

const SOCKETS = ['s1', 's2'];
type Step = { trigger: Trigger; now: number; throws: boolean };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    now: fc.integer({ min: 1, max: 60 }),
    throws: fc.boolean(),
    trigger: fc.oneof(
      moves.map((body): Trigger => ({ type: 'command', from: null, key: '', body })),
      fc
        .record({ socket: fc.constantFrom(...SOCKETS), body: moves })
        .map((one): Trigger => ({ type: 'frame', ...one })),
      fc
        .record({ socket: fc.constantFrom(...SOCKETS), body: moves })
        .map((one): Trigger => ({ type: 'opened', tags: [], ...one })),
      fc.constantFrom(...SOCKETS).map((socket): Trigger => ({ type: 'lost', socket })),
      fc.constantFrom('x', 'y').map((key): Trigger => ({ type: 'due', key })),
      fc.constantFrom('b', 'c').map((to): Trigger => ({ type: 'settled', to: peer(to), number: 0, reply: NO })),
    ),
  }),
  { maxLength: 12 },
);
const NO = { ok: false, reason: 'unavailable' } as const;

/** The number of the mail that is first in line, so that answers are of mail that there is. */
function real(store: MemoryStore, trigger: Trigger): Trigger {
  if (trigger.type !== 'settled') return trigger;
  const [first] = store.all<{ number: number }>(
    `SELECT MIN(number) AS number FROM port_outbox WHERE actor = 'toy/a' AND peer = ?1`,
    [`toy/${trigger.to.name}`],
  );
  return { ...trigger, number: first?.number ?? 0 };
}

/** One turn as a host takes it: thrown away whole when it throws, whoever throws. */
function taken(store: MemoryStore, memory: Memory, { trigger, now, throws }: Step): unknown {
  const live = new Map(SOCKETS.map((id) => [id, 1]));
  const actor: Actor = { ...toy, turn: (t, event) => (throws ? stumble(t, event) : toy.turn(t, event as never)) };
  const ground: Ground = { store, actor, self, now, random: (n) => new Uint8Array(n), live, ready: true, memory };
  try {
    return store.attempt(
      () => takeTurn(ground, real(store, trigger)),
      () => true,
    );
  } catch (error) {
    return String(error);
  }
}

function stumble(t: Turn, event: Parameters<Actor['turn']>[1]): never {
  toy.turn(t, event as never);
  throw new Error('stumbled');
}

function told(store: MemoryStore, memory: Memory): unknown {
  return [owed(store, self, memory), ...['b', 'c'].map((to) => isFree(store, self, memory, peer(to)))];
}

it('what a process keeps in mind of an actor is what its rows say, after every turn, also one that threw', () => {
  const [minded, fresh] = [new MemoryStore(), new MemoryStore()];
  for (const store of [minded, fresh]) {
    migrate(store, toy);
    store.begin();
  }
  fc.assert(
    fc.property(steps, (all) => {
      const memory = new Memory();
      for (const step of all) {
        expect(taken(minded, memory, step)).toEqual(taken(fresh, new Memory(), step));
        expect(told(minded, memory)).toEqual(told(fresh, new Memory()));
      }
      for (const store of [minded, fresh]) {
        store.reset();
        store.begin();
      }
    }),
    { numRuns: 300 },
  );
});
