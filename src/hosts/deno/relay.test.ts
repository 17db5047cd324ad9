import { beforeEach, describe, expect, it } from 'vitest';
import { isFree } from '../../actors/kernel/mail.ts';
import { Memory } from '../../actors/kernel/memory.ts';
import { migrate } from '../../actors/kernel/schema.ts';
import { nameOf } from '../../actors/kernel/store.ts';
import { takeTurn, type Follower, type Taken, type Trigger } from '../../actors/kernel/turn.ts';
import type { Actor, Address, Event, Fault, Turn } from '../../actors/port.ts';
import { MemoryStore } from '../simulator/memory-store.ts';
import { Relay } from './relay.ts';

const TABLE = `CREATE TABLE toy (actor TEXT NOT NULL PRIMARY KEY, n INTEGER) WITHOUT ROWID`;
const at = (name: string): Address => ({ kind: 'toy', name });
const [a, b, c] = [at('a'), at('b'), at('c')];
const NOW = 1_000;

let store: MemoryStore;
let memories: Map<string, Memory>;
let faults: Fault[];
/** Which mail reached whom, in the order of the turns. */
let came: string[];
let act: (t: Turn, event: Event<unknown>) => unknown;
let together: boolean;
let flying: (pair: { from: Address; to: Address }) => boolean;

const toy: Actor = {
  kind: 'toy',
  tables: ['toy'],
  schema: [{ minReader: 1, sql: [TABLE] }],
  admit: (arrival) => arrival.body,
  turn(t, event) {
    if (event.type === 'command' && event.from) came.push(`${event.from.name}>${t.self.name} ${event.key}`);
    if (event.type === 'answered') came.push(`${event.to.name}:${t.self.name} ${event.key}`);
    return (act(t, event) ?? null) as null;
  },
};

const memory = (one: Address): Memory => {
  const kept = memories.get(nameOf(one)) ?? new Memory();
  memories.set(nameOf(one), kept);
  return kept;
};

function turn(self: Address, trigger: Trigger): Taken {
  const random = (n: number) => new Uint8Array(n);
  const live = new Map([['socket', 1]]);
  return takeTurn(
    { store, actor: toy, self, now: NOW, random, live, ready: true, chained: true, memory: memory(self) },
    trigger,
  );
}

const fresh = () =>
  new Relay(
    {
      actors: new Map([['toy', toy]]),
      now: NOW,
      together,
      turn,
      here: () => true,
      flies: (pair) => flying(pair),
      memory,
      report: (fault) => faults.push(fault),
    },
    store,
  );

/** A command to `self`, and what it brings about in the same commit. */
function tell(self: Address): void {
  const relay = fresh();
  relay.begin({ self, taken: turn(self, { type: 'command', from: null, key: 'go', body: null }) });
  relay.run();
}

/** A question of nobody's mail; what is left to be done after the commit. */
function asking(self: Address): Follower {
  const relay = fresh();
  const first = relay.begin({ self, taken: turn(self, { type: 'command', from: null, key: 'go', body: null }) });
  relay.run();
  return first;
}

/** The commit that follows: what is in the outbox goes. */
function next(self: Address): void {
  const relay = fresh();
  relay.look(self);
  relay.run();
}

const rows = (table: string) => store.all(`SELECT * FROM ${table}`, []);
const told = (event: Event<unknown>) => event.type === 'command' && event.from === null;
const post = (t: Turn, to: Address, ...keys: string[]) => keys.forEach((key) => t.post(to, key, null, NOW + 60_000));

beforeEach(() => {
  store = new MemoryStore();
  migrate(store, toy);
  store.begin();
  [memories, faults, came, together] = [new Map(), [], [], true];
  flying = () => false;
});

describe('mail in its sender’s commit', () => {
  it('goes in the order it was posted, each answer before the next, and leaves no row of the port behind', () => {
    act = (t, event) => {
      if (told(event)) post(t, b, 'one', 'two');
      if (event.type === 'answered' && event.key === 'one') post(t, b, 'three');
    };
    tell(a);
    expect(came).toEqual(['a>b one', 'b:a one', 'a>b two', 'b:a two', 'a>b three', 'b:a three']);
    for (const table of ['port_outbox', 'port_sent', 'port_heard']) expect(rows(table)).toEqual([]);
  });

  it('waits behind the frames of a turn that has some to send: who is rung hears it before anybody hears that he was', () => {
    act = (t, event) => {
      if (told(event)) post(t, b, 'ring');
      if (event.type === 'command' && event.from?.name === 'a') {
        for (const socket of t.sockets()) socket.send('ringing');
        post(t, c, 'rang');
      }
    };
    turn(b, { type: 'opened', socket: 'socket', tags: [], body: null });
    for (let round = 0; round < 2; round++) {
      came = [];
      tell(a);
      expect(came).toEqual(['a>b ring', 'b:a ring']);
      expect(rows('port_outbox')).toHaveLength(1);
      next(b);
      expect(came.slice(2)).toEqual(['b>c rang', 'c:b rang']);
      expect(rows('port_outbox')).toEqual([]);
    }
  });

  it('stays in order behind what waits for frames, also to the same receiver', () => {
    act = (t, event) => {
      if (told(event)) post(t, b, 'one', 'two');
      if (event.type !== 'answered' || event.key !== 'one') return;
      for (const socket of t.sockets()) socket.send('heard');
      post(t, b, 'three');
    };
    turn(a, { type: 'opened', socket: 'socket', tags: [], body: null });
    tell(a);
    next(a);
    next(a);
    expect(came.filter((what) => what.startsWith('a>b'))).toEqual(['a>b one', 'a>b two', 'a>b three']);
  });

  it('whose receiver throws takes back that turn alone, and is kept before whatever follows it', () => {
    let stumbles = true;
    act = (t, event) => {
      if (told(event)) post(t, b, 'one', 'two');
      if (event.type !== 'command' || event.from === null) return;
      t.run(`INSERT OR REPLACE INTO toy (actor, n) VALUES (?1, 1)`);
      if (stumbles) throw new Error('stumbled');
    };
    tell(a);
    expect(faults.map(({ type }) => type)).toEqual(['mail-deferred']);
    expect(rows('toy')).toEqual([]);
    expect(store.all(`SELECT key FROM port_outbox ORDER BY number`, [])).toEqual([{ key: 'one' }, { key: 'two' }]);
    stumbles = false;
    came = [];
    next(a);
    expect(came).toEqual(['a>b one', 'b:a one', 'a>b two', 'b:a two']);
  });

  it('carries a number as soon as mail of its pair has flown, so that what arrives late is known', () => {
    act = (t, event) => {
      if (told(event)) post(t, b, 'mail');
      else if (event.type === 'command') t.run(`INSERT OR REPLACE INTO toy (actor, n) VALUES (?1, 1)`);
    };
    together = false;
    tell(a);
    expect(rows('port_outbox')).toHaveLength(1);
    expect(isFree(store, a, memory(a), b)).toBe(false);
    together = true;
    next(a);
    expect(isFree(store, a, memory(a), b)).toBe(false);
    tell(a);
    const heard = store.all<{ last: number }>(`SELECT last FROM port_heard WHERE actor = 'toy/b'`, []);
    const sent = store.all<{ last: number }>(`SELECT last FROM port_sent WHERE actor = 'toy/a'`, []);
    expect(came).toHaveLength(4);
    expect(heard).toEqual(sent);
    expect(isFree(store, a, memory(a), c)).toBe(true);
  });

  it('waits in the outbox while mail of its pair is on its way', () => {
    act = (t, event) => {
      if (told(event)) post(t, b, 'mail');
    };
    flying = () => true;
    tell(a);
    expect(came).toEqual([]);
    expect(rows('port_outbox')).toHaveLength(1);
  });

  it('that is not delivered goes with a sender that erases itself', () => {
    act = (t, event) => {
      if (told(event)) post(t, b, 'one', 'two');
      if (event.type === 'answered') t.erase();
    };
    tell(a);
    expect(came).toEqual(['a>b one', 'b:a one']);
    expect(rows('port_outbox')).toEqual([]);
  });

  it('that has expired is not handed over', () => {
    act = (t, event) => {
      if (told(event)) t.post(b, 'late', null, NOW);
    };
    tell(a);
    expect(came).toEqual([]);
    expect(rows('port_outbox')).toHaveLength(1);
  });

  it('comes to an end however long two go on writing to each other, and goes on after the commit', () => {
    act = (t, event) => {
      const other = t.self.name === 'a' ? b : a;
      if (told(event) || (event.type === 'command' && event.key === 'ball')) post(t, other, 'ball');
    };
    tell(a);
    expect(came.length).toBeGreaterThan(100);
    expect(came.length).toBeLessThan(140);
    expect(rows('port_outbox')).toHaveLength(1);
  });
});

describe('what a turn asks', () => {
  const write = (t: Turn) => t.run(`INSERT OR REPLACE INTO toy (actor, n) VALUES (?1, 1)`);
  const actors = () => store.all(`SELECT actor FROM toy ORDER BY actor`, []);

  it('is answered in the same commit when it wrote nothing and tells nobody', () => {
    act = (t, event) => {
      if (told(event)) t.ask(b, 'question', null);
      else write(t);
    };
    expect(asking(a).taken.effects).toEqual([]);
    expect(came).toEqual(['a>b question', 'b:a question']);
    expect(actors()).toEqual([{ actor: 'a' }, { actor: 'b' }]);
  });

  it.each([
    ['what it wrote is durable', (t: Turn) => void write(t)],
    ['its frames have left', (t: Turn) => t.sockets().forEach((socket) => socket.send('first'))],
  ])('is not asked before %s', (_, before) => {
    turn(a, { type: 'opened', socket: 'socket', tags: [], body: null });
    act = (t, event) => {
      if (!told(event)) return;
      before(t);
      t.ask(b, 'question', null);
    };
    expect(asking(a).taken.effects.at(-1)).toMatchObject({ type: 'ask', key: 'question' });
    expect(came).toEqual([]);
  });

  it('flies where the two are not together', () => {
    together = false;
    act = (t, event) => {
      if (told(event)) t.ask(b, 'question', null);
    };
    expect(asking(a).taken.effects).toHaveLength(1);
    expect(came).toEqual([]);
  });

  it('of one who throws is unknown, and only that turn is taken back', () => {
    const replies: unknown[] = [];
    act = (t, event) => {
      if (told(event)) return t.ask(b, 'question', null);
      write(t);
      if (event.type === 'answered') replies.push(event.reply);
      else throw new Error('stumbled');
    };
    asking(a);
    expect(replies).toEqual([{ ok: false, reason: 'unavailable' }]);
    expect(actors()).toEqual([{ actor: 'a' }]);
    expect(faults.map(({ type }) => type)).toEqual(['turn-failed']);
  });

  it('stays done when who asked throws on the answer', () => {
    act = (t, event) => {
      if (told(event)) return t.ask(b, 'question', null);
      write(t);
      if (event.type === 'answered') throw new Error('stumbled');
    };
    asking(a);
    expect(actors()).toEqual([{ actor: 'b' }]);
  });
});
