import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CallFrame, PlaneFrame, RosterEntry } from '../protocol/call.ts';
import { REKEY_MS } from '../protocol/call.ts';
import { emptyGroupClient, type GroupClient, type GroupEffect, type GroupInput, stepGroup } from './group-client.ts';
import type { GroupMember } from './group-client.ts';
import { AHEAD_MAX, ERASE_AFTER_MS, STOP_AFTER_MS } from './group-client-draft.ts';
import { ACK_WAIT_MS, MISSING_AFTER_MS, PREKEYS_WAIT_MS } from './group-client-epochs.ts';

const CALL = '8'.repeat(32);
const SELF = { account: 'a', device: 'a1' };
const member = (name: string): GroupMember => ({ id: `${name}-id`, account: name, device: `${name}1` });
const seat = (name: string, participant: number, since = 1): RosterEntry => ({
  participant,
  account: name,
  device: `${name}1`,
  since,
});

/** What the entries of the log say, for the test's own folding: `+b` joins, `-b` leaves, `?` counts for nothing. */
class Story {
  group: GroupClient = emptyGroupClient(SELF);
  now = 1_000;
  all: GroupEffect[] = [];
  effects: GroupEffect[] = [];
  members: GroupMember[] = [];
  timers = new Map<string, number>();
  /** Folds each entry as soon as it is asked for. */
  folding = true;

  do(input: GroupInput): this {
    const { group, effects } = stepGroup(this.group, input, this.now);
    this.group = group;
    this.effects = effects;
    this.all.push(...effects);
    for (const effect of effects) {
      if (effect.type === 'timer' && effect.at === null) this.timers.delete(effect.key);
      else if (effect.type === 'timer' && effect.at !== null) this.timers.set(effect.key, effect.at);
      if (effect.type === 'fold' && this.folding) this.fold(effect.proof);
    }
    return this;
  }

  fold(proof: string): void {
    const [sign, name] = [proof[0], proof.slice(1)];
    const departed = sign === '-' && this.members.some(({ account }) => account === name);
    const others = this.members.filter(({ account }) => account !== name);
    this.members = sign === '+' ? [...others, member(name)] : departed ? others : this.members;
    const before = this.effects;
    this.do({ type: 'folded', members: this.members, departed, admitted: proof === '?a' });
    this.effects = [...before, ...this.effects];
  }

  frame(frame: Record<string, unknown> & { type: PlaneFrame['type'] | 'dropped' }): this {
    return this.do({ type: 'frame', frame: { call: CALL, rev: 1, at: this.now, ...frame } as CallFrame });
  }

  log(...proofs: string[]): this {
    for (const proof of proofs) this.frame({ type: 'proof', place: this.group.handed, proof });
    return this;
  }

  prepare(epoch: number, proofs: number, ...roster: RosterEntry[]): this {
    return this.frame({ type: 'prepare', epoch, proofs, roster });
  }

  keys(epoch: number, name: string, message = `${epoch} ${name}`): this {
    return this.frame({ type: 'keys', epoch, from: 0, message, body: name });
  }

  opened(epoch: number, name: string, mismatch = false): this {
    return this.do({ type: 'opened', epoch, id: `${name}-id`, mismatch });
  }

  wait(ms: number): this {
    const until = this.now + ms;
    for (;;) {
      const next = [...this.timers].sort((x, y) => x[1] - y[1]).find(([, at]) => at <= until);
      if (!next) break;
      this.timers.delete(next[0]);
      this.now = Math.max(this.now, next[1]);
      this.do({ type: 'timer', key: next[0] });
    }
    this.now = until;
    return this;
  }

  told(effects = this.effects): string[] {
    return effects.flatMap((effect) => {
      if (effect.type === 'timer' || effect.type === 'fold') return [];
      if (effect.type === 'send') return [effect.verb.verb];
      return [effect.type];
    });
  }

  of<T extends GroupEffect['type']>(type: T): Extract<GroupEffect, { type: T }>[] {
    return this.all.filter((effect): effect is Extract<GroupEffect, { type: T }> => effect.type === type);
  }

  /** a, b and c in their first epoch, keys made here. */
  static three(): Story {
    const story = new Story().log('+a', '?b', '+b', '?c', '+c');
    return story.prepare(1, 5, seat('a', 1), seat('b', 2), seat('c', 3)).do({ type: 'made', epoch: 1 });
  }
}

describe('the log', () => {
  it('is folded once and in its order, whatever comes twice, late or ahead', () => {
    const story = new Story();
    for (const [place, proof] of [
      [1, '?b'],
      [2, '+b'],
      [0, '+a'],
      [0, '+a'],
      [2, '+x'],
      [3, '-b'],
    ] as const)
      story.frame({ type: 'proof', place, proof });
    expect(story.of('fold').map(({ proof }) => proof)).toEqual(['+a', '?b', '+b', '-b']);
    expect(story.group.own).toBe('a-id');
  });

  it('is asked for where an entry is missing, and again when nobody answers', () => {
    const story = new Story().frame({ type: 'proof', place: 1, proof: '?b' });
    expect(story.of('fetch')).toEqual([{ type: 'fetch', after: 0 }]);
    story.frame({ type: 'proof', place: 2, proof: '+b' });
    expect(story.of('fetch')).toHaveLength(1);
    story.do({ type: 'fetched', after: 0, proofs: [], group: null, again: true }).wait(5_000);
    expect(story.of('fetch')).toHaveLength(2);
    const group = { proofs: 3, epoch: 0, prepared: 0, active: 0, roster: [] };
    story.do({ type: 'fetched', after: 0, proofs: ['+a'], group, again: false });
    expect(story.of('fold').map(({ proof }) => proof)).toEqual(['+a', '?b', '+b']);
    expect(story.group.fetching).toBe(false);
  });

  it('that was missed altogether brings where the group stands, as if its frames had come', () => {
    const story = new Story().do({ type: 'start', joining: true }).do({ type: 'open' });
    const roster = [seat('b', 1), seat('a', 2)];
    const group = { proofs: 3, epoch: 7, prepared: 3, active: 7, roster };
    story.do({ type: 'fetched', after: 0, proofs: ['+b', '?a', '+a'], group, again: false });
    expect(story.told(story.all)).toEqual(['fetch', 'enter']);
    expect(story.of('make')).toEqual([]);
    story.opened(7, 'b');
    expect(story.of('make')).toMatchObject([{ epoch: 7, to: [{ id: 'b-id' }] }]);
    story.do({ type: 'made', epoch: 7 });
    expect(story.told()).toEqual(['activate']);
  });

  it('ahead of a hole is kept up to a bound', () => {
    const story = new Story();
    for (let place = 1; place < 500; place++) story.frame({ type: 'proof', place, proof: '?x' });
    expect(Object.keys(story.group.ahead)).toHaveLength(AHEAD_MAX);
  });

  it('that admits this account makes it join, once', () => {
    const story = new Story().log('+b', '?a', '?a');
    expect(story.of('join')).toHaveLength(1);
    story.log('+a');
    expect(story.group).toMatchObject({ own: 'a-id', joining: false });
    expect(new Story().do({ type: 'start', joining: true }).log('+b', '?a').of('join')).toEqual([]);
  });
});

describe('an epoch', () => {
  it('is entered with exactly whom its entries make members, once they are folded', () => {
    const story = new Story();
    story.folding = false;
    story.log('+a', '?b', '+b').prepare(1, 3, seat('a', 1), seat('b', 2), seat('ghost', 3));
    expect(story.told(story.all)).toEqual([]);
    for (const { proof } of story.of('fold')) story.fold(proof);
    expect(story.of('make')).toEqual([{ type: 'make', epoch: 1, to: [member('b')] }]);
    story.prepare(1, 3).prepare(2, 2, seat('a', 1), seat('b', 2)).prepare(0, 9);
    expect(story.of('make')).toHaveLength(1);
    expect(story.group).toMatchObject({ highest: 1, covered: 3 });
  });

  it('whose roster lacks this device is none of its own', () => {
    const story = new Story().log('+a', '?b', '+b', '-a').prepare(1, 4, seat('b', 2));
    expect(story.of('refused')).toEqual([{ type: 'refused', epoch: 1, reason: 'not-in-it' }]);
    story.keys(1, 'b').frame({ type: 'activate', epoch: 1 });
    expect(story.told(story.all)).toEqual(['refused']);
  });

  it('is not used over a roster that is older than a verified departure, made or not', () => {
    const late = new Story()
      .log('+a', '?b', '+b', '?c', '+c', '-c')
      .prepare(1, 5, seat('a', 1), seat('b', 2), seat('c', 3));
    expect(late.of('make')).toEqual([]);
    expect(late.of('refused')).toEqual([{ type: 'refused', epoch: 1, reason: 'older-roster' }]);
    const made = Story.three().log('-c');
    expect(made.of('refused')).toHaveLength(1);
    made.frame({ type: 'activate', epoch: 1 });
    expect(made.of('activate')).toEqual([]);
  });

  it('is acknowledged by the numbers of the server, together, and at once when all are there', () => {
    const story = Story.three().keys(1, 'b').opened(1, 'b');
    expect(story.told()).toEqual([]);
    story.wait(ACK_WAIT_MS);
    const acks = () => story.of('send').map(({ verb }) => verb);
    expect(acks()).toEqual([{ verb: 'keys-ack', epoch: 1, from: [2] }]);
    story.opened(1, 'b').wait(1_000);
    expect(acks()).toHaveLength(1);
    story.opened(1, 'c');
    expect(acks().at(-1)).toEqual({ verb: 'keys-ack', epoch: 1, from: [2, 3] });
  });

  it('is activated by the server and the own key, in either order, once, and never after a later one', () => {
    const story = new Story().log('+a', '?b', '+b').prepare(1, 3, seat('a', 1), seat('b', 2));
    story.frame({ type: 'activate', epoch: 1 });
    expect(story.of('activate')).toEqual([]);
    story.do({ type: 'made', epoch: 1 });
    expect(story.of('activate')).toEqual([{ type: 'activate', epoch: 1 }]);
    story.frame({ type: 'activate', epoch: 1 }).frame({ type: 'activate', epoch: 9 });
    expect(story.of('activate')).toHaveLength(1);
    expect(story.group.active).toBe(1);
  });

  it('that a member signed for another roster is not activated', () => {
    const story = Story.three().opened(1, 'b', true);
    expect(story.of('mismatch')).toEqual([{ type: 'mismatch', epoch: 1, id: 'b-id' }]);
    story.frame({ type: 'activate', epoch: 1 });
    expect(story.of('activate')).toEqual([]);
  });

  it('of who joined with it needs only the log, of others the keys of the epoch before, or of this one', () => {
    const story = Story.three().opened(1, 'b').opened(1, 'c').log('?d', '+d');
    const seats = [seat('a', 1), seat('b', 2), seat('c', 3), seat('d', 4, 2)];
    story.prepare(2, 7, ...seats);
    expect(story.of('make').map(({ epoch }) => epoch)).toEqual([1, 2]);
    const missed = Story.three()
      .opened(1, 'b')
      .log('?d', '+d')
      .prepare(2, 7, ...seats);
    expect(missed.of('make')).toHaveLength(1);
    missed.keys(2, 'c').opened(2, 'c');
    expect(missed.of('make')).toHaveLength(2);
    const waited = Story.three()
      .opened(1, 'b')
      .log('?d', '+d')
      .prepare(2, 7, ...seats)
      .wait(PREKEYS_WAIT_MS);
    expect(waited.of('make')).toHaveLength(2);
  });

  it('keeps keys that come ahead of it, opens a message once, and none of what it does not know', () => {
    const story = new Story().keys(1, 'b').keys(1, 'b');
    expect(story.of('open')).toEqual([]);
    story.log('+a', '?b', '+b').prepare(1, 3, seat('a', 1), seat('b', 2)).keys(1, 'b');
    expect(story.of('open')).toHaveLength(1);
    for (let n = 0; n < 500; n++) story.keys(2 + n, 'b', `${n}`);
    expect(story.group.parked.length).toBeLessThanOrEqual(AHEAD_MAX);
  });

  it('names who gave no key, again and again, and asks the server’s numbers for it', () => {
    const story = Story.three().opened(1, 'b').frame({ type: 'activate', epoch: 1 }).wait(MISSING_AFTER_MS);
    expect(story.of('missing')).toEqual([{ type: 'missing', epoch: 1, ids: ['c-id'] }]);
    expect(story.of('send').at(-1)?.verb).toEqual({ verb: 'keys-again', epoch: 1, from: [3] });
    story.wait(30_000);
    expect(story.of('missing').length).toBeGreaterThan(3);
    const times = story.of('missing').length;
    story.opened(1, 'c').wait(200_000);
    expect(story.of('missing')).toHaveLength(times);
  });

  it('that never comes makes its member ask for fresh ones, once', () => {
    const story = Story.three().opened(1, 'b').frame({ type: 'activate', epoch: 1 }).wait(62_000);
    const rekeys = () => story.of('send').filter(({ verb }) => verb.verb === 'rekey');
    expect(rekeys()).toEqual([]);
    story.wait(138_000);
    expect(rekeys()).toHaveLength(1);
  });

  it('that is nearly used up makes its member ask for fresh ones, but nobody who is no member', () => {
    const story = Story.three().opened(1, 'b').opened(1, 'c').frame({ type: 'activate', epoch: 1 });
    story.do({ type: 'rekey' });
    expect(story.of('send').at(-1)?.verb).toEqual({ verb: 'rekey' });
    expect(stepGroup(emptyGroupClient({ account: 'a', device: 'd' }), { type: 'rekey' }, 0).effects).toEqual([]);
  });

  it('is said once more when a member lacks it', () => {
    const story = Story.three().frame({ type: 'keys-wanted', epoch: 1 }).frame({ type: 'keys-wanted', epoch: 4 });
    expect(story.of('again')).toEqual([{ type: 'again', epoch: 1 }]);
  });

  it('ends: sending two seconds after a departure, keys ten seconds after the next, all of them at the latest with a new one', () => {
    const story = Story.three()
      .frame({ type: 'activate', epoch: 1 })
      .log('-c')
      .wait(STOP_AFTER_MS - 1);
    expect(story.of('stop')).toEqual([]);
    story.wait(1);
    expect(story.of('stop')).toHaveLength(1);
    story.prepare(2, 6, seat('a', 1), seat('b', 2)).opened(2, 'b').do({ type: 'made', epoch: 2 });
    story.frame({ type: 'activate', epoch: 2 }).wait(ERASE_AFTER_MS);
    expect(story.of('erase').length).toBeGreaterThan(0);
    expect(Object.keys(story.group.epochs)).toEqual(['2']);
    story.wait(REKEY_MS);
    expect(story.of('send').at(-1)?.verb).toEqual({ verb: 'rekey' });
  });

  it('a device that was dropped joins anew, once, and waits for the others’ prekeys', () => {
    const story = Story.three()
      .opened(1, 'b')
      .opened(1, 'c')
      .frame({ type: 'dropped', until: 0 })
      .frame({ type: 'dropped', until: 0 });
    expect(story.of('join')).toHaveLength(1);
    expect(story.group).toMatchObject({ joining: true, heard: {} });
  });
});

function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not so: ${what}`);
}

describe('whatever the server says and in whatever order', () => {
  const names = ['a', 'b', 'c', 'd'];
  const proof = fc.record({
    sign: fc.constantFrom('+', '+', '-', '?'),
    name: fc.constantFrom('b', 'c', 'd', 'b', 'c', 'd', 'a'),
  });
  const move = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('proof' as const), off: fc.constantFrom(0, 0, 0, 0, -1, 1, 2) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('prepare' as const),
        up: fc.constantFrom(1, 1, 1, 2, 0, -1),
        off: fc.constantFrom(0, 0, 0, -1, 1, 2),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('keys' as const), back: fc.nat(2), name: fc.constantFrom(...names) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('opened' as const),
        back: fc.nat(2),
        name: fc.constantFrom(...names),
        mismatch: fc.constantFrom(false, false, false, false, true),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('activate' as const), back: fc.constantFrom(0, 0, 0, 1, 2, -1) }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('made' as const) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('fold' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(4_000) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('dropped' as const) }) },
  );
  type Move = Parameters<Parameters<typeof fc.property<[typeof move extends fc.Arbitrary<infer M> ? M : never]>>[1]>[0];

  /** The log that members really signed; folding is slow, keys take their time. */
  class Chaos extends Story {
    readonly entries: string[];
    readonly unfolded: string[] = [];
    readonly unmade: number[] = [];

    constructor(entries: string[]) {
      super();
      this.entries = ['+a', ...entries];
      this.folding = false;
    }

    override do(input: GroupInput): this {
      super.do(input);
      for (const effect of this.effects) {
        if (effect.type === 'fold') this.unfolded.push(effect.proof);
        if (effect.type === 'make') this.unmade.push(effect.epoch);
      }
      return this;
    }

    /** Whom the first `count` entries make members. */
    truth(count: number): string[] {
      let members: string[] = [];
      for (const entry of this.entries.slice(0, count)) {
        const name = entry.slice(1);
        if (entry[0] !== '?') members = members.filter((one) => one !== name);
        if (entry[0] === '+') members.push(name);
      }
      return members.toSorted();
    }

    /** The move as frames and results; played again it is the same ones. */
    inputs(one: Move): () => void {
      const { handed, highest } = this.group;
      if (one.do === 'proof') {
        const place = handed + one.off;
        const entry = this.entries[place];
        return () => void (entry !== undefined && this.frame({ type: 'proof', place, proof: entry }));
      }
      if (one.do === 'prepare') {
        const seats = names.map((name, n) => seat(name, n, n === 3 ? 1 : highest + one.up));
        return () => void this.prepare(highest + one.up, handed + one.off, ...seats);
      }
      if (one.do === 'keys') return () => void this.keys(highest - one.back, one.name);
      if (one.do === 'opened') return () => void this.opened(highest - one.back, one.name, one.mismatch);
      if (one.do === 'activate') return () => void this.frame({ type: 'activate', epoch: highest - one.back });
      return () => this.local(one);
    }

    local(one: Move): void {
      if (one.do === 'dropped') this.frame({ type: 'dropped', until: 0 });
      else if (one.do === 'wait') this.wait(one.ms);
      else if (one.do === 'fold') this.foldNext();
      else {
        const epoch = this.unmade.shift();
        if (epoch !== undefined) this.do({ type: 'made', epoch });
      }
    }

    foldNext(): void {
      const next = this.unfolded.shift();
      if (next !== undefined) this.fold(next);
    }
  }

  const log = fc.array(proof, { maxLength: 11 }).map((entries) => entries.map(({ sign, name }) => sign + name));

  it('keys are made for exactly the verified roster, once an epoch; nothing is activated without them, or backwards', () => {
    let [made, activated] = [0, 0];
    fc.assert(
      fc.property(log, fc.array(move, { minLength: 20, maxLength: 80 }), (entries, moves) => {
        const story = new Chaos(entries);
        const covered = new Map<number, number>();
        const done = new Set<number>();
        const keyed = new Set<number>();
        let active = 0;
        for (const one of moves) {
          if (one.do === 'made' && story.unmade[0] !== undefined) done.add(story.unmade[0]);
          story.effects = [];
          story.inputs(one)();
          for (const effect of story.effects) {
            if (effect.type === 'enter') covered.set(effect.epoch, effect.proofs);
            if (effect.type === 'make') {
              const count = covered.get(effect.epoch)!;
              const to = effect.to.map(({ account }) => account).toSorted();
              const others = story.truth(count).filter((name) => name !== 'a');
              demand(count <= story.group.folded && count >= story.group.departed, 'over entries that are verified');
              demand(to.join() === others.join(), `to the roster: ${to.join()}, not ${others.join()}`);
              demand(story.truth(count).includes('a'), 'with this device in it');
              demand(!keyed.has(effect.epoch), 'once');
              keyed.add(effect.epoch);
              made += 1;
            }
            if (effect.type === 'activate') {
              demand(done.has(effect.epoch), 'with the own key');
              demand(effect.epoch > active, 'forwards');
              demand(covered.get(effect.epoch)! >= story.group.departed, 'without who departed');
              active = effect.epoch;
              activated += 1;
            }
          }
        }
        const folded = story.of('fold').map(({ proof: text }) => text);
        expect(folded).toEqual(story.entries.slice(0, folded.length));
      }),
      { numRuns: 2_000 },
    );
    expect(made).toBeGreaterThan(100);
    expect(activated).toBeGreaterThan(20);
  });

  it('said twice is said once: a repeated frame has no effect but asking', () => {
    const asks = new Set(['fetch', 'again']);
    fc.assert(
      fc.property(log, fc.array(move, { maxLength: 60 }), (entries, moves) => {
        const story = new Chaos(entries);
        for (const one of moves) {
          const play = story.inputs(one);
          play();
          if (!['proof', 'prepare', 'keys', 'activate', 'opened'].includes(one.do)) continue;
          if (one.do === 'opened' && one.mismatch) continue;
          const before = story.group;
          story.effects = [];
          play();
          expect(story.effects.filter(({ type }) => !asks.has(type) && type !== 'timer')).toEqual([]);
          const told = one.do === 'proof' || one.do === 'prepare';
          const same = (group: GroupClient) => ({ ...group, parked: [], ...(told && { ahead: {}, fetching: false }) });
          expect(same(story.group)).toEqual(same(before));
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
