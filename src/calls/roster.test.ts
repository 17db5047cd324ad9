import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ACTIVATE_JOIN_MS,
  ACTIVATE_LEAVE_MS,
  EPOCH_COALESCE_MS,
  IN_CALL_LEASE_MS,
  LATE_GRACE_MS,
  PROOFS_MAX,
  REJOIN_MS,
  REKEY_MIN_MS,
  RING_MS,
} from '../protocol/call.ts';
import type { CallFrame, Party, Reply, Verb } from '../protocol/call.ts';
import type { HistoryRow } from '../protocol/history.ts';
import type { Call } from './call.ts';
import type { CallCommand, PolicyAnswer } from './command.ts';
import { decide } from './decide.ts';
import type { Effect } from './effect.ts';

const ID = '8'.repeat(32);
const a: Party = { account: 'a', device: 'a1' };
const b: Party = { account: 'b', device: 'b1' };
const c: Party = { account: 'c', device: 'c1' };
const c2: Party = { account: 'c', device: 'c2' };
const d: Party = { account: 'd', device: 'd1' };
const RING: PolicyAnswer = { verdict: 'ring', lock: null };
const legsOf = (...parties: Party[]) =>
  parties.map(({ device }) => ({ device, capability: 'x', message: device, body: `for ${device}` }));
const PARTIES: Record<string, Party[]> = { a: [a], b: [b], c: [c, c2], d: [d] };

/** A connected call of a and b, with every socket open, and what it did since. */
class Story {
  call: Call | null = null;
  now = 1_000;
  effects: Effect[] = [];
  all: Effect[] = [];
  deadlines = new Map<string, number>();

  constructor() {
    this.verb(a, { verb: 'invite', to: 'b', media: ['audio'], set: 1, legs: legsOf(b) });
    this.do({ type: 'policy', attempt: 0, account: 'b', answer: RING });
    this.do({ type: 'lock', attempt: 0, answer: { lock: 'taken' } });
    this.verb(b, { verb: 'answer', message: 'm', body: 'answer' });
    this.verb(a, { verb: 'confirm' });
    for (const party of [a, b]) this.do({ type: 'attached', party });
  }

  do(command: CallCommand): Reply | null {
    const decision = decide(this.call, command, this.now);
    this.call = decision.call;
    this.effects = decision.effects;
    this.all.push(...decision.effects);
    for (const effect of decision.effects) {
      if (effect.type === 'deadline' && effect.at === null) this.deadlines.delete(effect.key);
      else if (effect.type === 'deadline' && effect.at !== null) this.deadlines.set(effect.key, effect.at);
    }
    return decision.reply;
  }

  verb(party: Party, verb: Record<string, unknown> & { verb: Verb['verb'] }): Reply {
    return this.do({ type: 'verb', party, verb: { call: ID, attempt: 0, ...verb } as Verb })!;
  }

  found(by: Party): Reply {
    return this.verb(by, { verb: 'found', join: `JOIN ${by.account}`, admit: `ADMIT by ${by.account}` });
  }

  /** a made it a group and b joined. */
  grown(): this {
    this.found(a);
    this.verb(b, { verb: 'join', proof: 'JOIN b' });
    return this;
  }

  add(by: Party, to: string): Reply {
    return this.verb(by, { verb: 'add', to, set: 1, legs: legsOf(...(PARTIES[to] ?? [])), admit: `ADMIT ${to}` });
  }

  /** c is added by a, answers on its first device, and opens its socket. */
  withC(): this {
    this.grown().add(a, 'c');
    this.do({ type: 'policy', attempt: 0, account: 'c', answer: RING });
    this.verb(c, { verb: 'answer', message: 'm', body: 'JOIN c' });
    this.do({ type: 'attached', party: c });
    this.wait(EPOCH_COALESCE_MS);
    return this;
  }

  /** Time passes, and deadlines with it. */
  wait(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const next = [...this.deadlines].sort((x, y) => x[1] - y[1]).find(([, at]) => at <= until);
      if (!next) break;
      this.deadlines.delete(next[0]);
      this.now = Math.max(this.now, next[1]);
      this.do({ type: 'due', key: next[0] });
    }
    this.now = until;
  }

  told(effects = this.effects): string[] {
    return effects.flatMap((effect) => {
      if (effect.type === 'mail') return [`${effect.to.device} ${(effect.envelope.body as CallFrame).type}`];
      return effect.type === 'frame' ? [`${effect.to.device} ${effect.frame.type}`] : [];
    });
  }

  history(): HistoryRow[] {
    return this.all.flatMap((effect) =>
      effect.type === 'account' && effect.mail.type === 'history' ? [effect.mail.row] : [],
    );
  }

  log(): string[] {
    return this.all.flatMap((effect) => (effect.type === 'proof' ? [effect.proof] : []));
  }

  roster(): string[] {
    return (this.call?.group?.roster ?? []).map(({ participant, device }) => `${participant} ${device}`);
  }
}

describe('a call becomes a group', () => {
  it('rings the new person under the same call id while the call goes on, and its answer is its JOIN', () => {
    const story = new Story();
    expect(story.add(a, 'c')).toMatchObject({ ok: false, reason: 'wrong-state' });
    expect(story.found(a)).toMatchObject({ ok: true });
    expect(story.told()).toEqual(['a1 proof', 'b1 proof', 'a1 proof', 'b1 proof']);
    expect(story.add(b, 'c')).toMatchObject({ ok: false, reason: 'wrong-state' });
    expect(story.add(a, 'c')).toMatchObject({ ok: true, pending: true });
    expect(story.told()).toEqual(['a1 proof', 'b1 proof']);
    story.do({ type: 'policy', attempt: 0, account: 'c', answer: RING });
    expect(story.told()).toEqual(['c1 invite', 'c2 invite', 'a1 added']);
    expect(story.verb(c, { verb: 'answer', message: 'm', body: 'JOIN c' })).toMatchObject({ ok: true, granted: {} });
    expect(story.told()).toEqual(['c1 grant', 'c2 elsewhere', 'a1 added', 'a1 proof', 'b1 proof', 'c1 proof']);
    expect(story.verb(c2, { verb: 'answer', message: 'm', body: '' })).toMatchObject({
      reason: 'answered-elsewhere',
      by: 'c1',
    });
    expect(story.call).toMatchObject({ state: 'connected', winner: 'b1' });
  });

  it('the push to a new person names who added it, and what a member said on its way out is answered the same again', () => {
    const story = new Story().withC();
    story.add(b, 'd');
    story.do({ type: 'policy', attempt: 0, account: 'd', answer: RING });
    const pushes = story.effects.flatMap((e) => (e.type === 'mail' && e.envelope.push ? [e.envelope.push.from] : []));
    expect([...new Set(pushes)]).toEqual(['b']);
    const first = story.verb(c, { verb: 'hangup' });
    expect(first.ok).toBe(true);
    expect(story.verb(c, { verb: 'hangup' })).toEqual(first);
    expect(story.effects).toEqual([]);
  });

  it('puts changes within 150 ms into one epoch, with every proof, and activates when all have all keys', () => {
    const story = new Story().withC();
    const prepare = story.all.flatMap((e) => (e.type === 'frame' && e.frame.type === 'prepare' ? [e.frame] : []));
    expect(prepare).toHaveLength(3);
    expect(prepare[0]).toMatchObject({ epoch: 1, proofs: 5 });
    expect(story.log()).toEqual(['JOIN a', 'ADMIT by a', 'JOIN b', 'ADMIT c', 'JOIN c']);
    for (const party of [a, b, c]) story.verb(party, { verb: 'keys', epoch: 1, message: party.device, body: 'batch' });
    expect(story.told()).toEqual(['a1 keys', 'b1 keys']);
    story.verb(a, { verb: 'keys-ack', epoch: 1, from: [2, 3] });
    story.verb(b, { verb: 'keys-ack', epoch: 1, from: [1] });
    story.verb(b, { verb: 'keys-ack', epoch: 1, from: [3] });
    expect(story.call?.group?.active).toBe(0);
    story.verb(c, { verb: 'keys-ack', epoch: 1, from: [1, 2, 99] });
    expect(story.told()).toEqual(['a1 activate', 'b1 activate', 'c1 activate']);
    expect(story.call?.group).toMatchObject({ epoch: 1, active: 1 });
  });

  it('does not wait for a member whose keys do not come: one second for a join, half of it for a leave', () => {
    const story = new Story().withC();
    story.wait(ACTIVATE_JOIN_MS - 1);
    expect(story.call?.group?.active).toBe(0);
    story.wait(1);
    expect(story.call?.group?.active).toBe(1);
    story.verb(c, { verb: 'leave', proof: 'LEAVE c' });
    story.wait(EPOCH_COALESCE_MS + ACTIVATE_LEAVE_MS - 1);
    expect(story.call?.group).toMatchObject({ epoch: 2, active: 1 });
    story.wait(1);
    expect(story.call?.group).toMatchObject({ epoch: 2, active: 2 });
  });

  it('forwards nothing to who left or was removed, from that moment', () => {
    const story = new Story().withC();
    expect(story.verb(b, { verb: 'remove', ...c, proof: 'R' })).toMatchObject({ ok: false, reason: 'wrong-role' });
    expect(story.verb(a, { verb: 'remove', ...c, proof: 'REMOVE c' })).toMatchObject({ ok: true });
    expect(story.told()).toEqual(['c1 ended', 'c1 ended', 'a1 proof', 'b1 proof']);
    expect(story.roster()).toEqual(['1 a1', '2 b1']);
    story.verb(a, { verb: 'keys', epoch: 1, message: 'k', body: 'batch' });
    story.verb(a, { verb: 'signal', message: 's', body: 'ice' });
    expect(story.told()).toEqual(['b1 signal']);
    expect(story.verb(c, { verb: 'keys', epoch: 1, message: 'k', body: 'x' })).toMatchObject({ reason: 'wrong-role' });
    story.wait(EPOCH_COALESCE_MS);
    expect(story.all.at(-1)).toMatchObject({ frame: { type: 'prepare', epoch: 2, proofs: 6 } });
    expect(story.log().at(-1)).toBe('REMOVE c');
  });

  it('who leaves does not end it for the others; the last but one does', () => {
    const story = new Story().withC();
    story.verb(a, { verb: 'hangup' });
    expect(story.call?.state).toBe('connected');
    story.verb(c, { verb: 'hangup' });
    expect(story.call).toMatchObject({ state: 'ended', reason: 'completed' });
    expect(story.history().map((row) => `${row.account} ${row.outcome} ${row.group}`)).toEqual([
      'a answered true',
      'b answered true',
      'c answered true',
    ]);
  });

  it('who is lost for a lease is dropped, may join again under a new participant id, and hears the end when it is late', () => {
    const story = new Story().withC();
    const lose = (party: Party) => {
      story.do({ type: 'detached', party });
      story.wait(IN_CALL_LEASE_MS);
    };
    lose(b);
    expect(story.roster()).toEqual(['1 a1', '3 c1']);
    expect(story.told(story.all).findLast((line) => line.startsWith('b1'))).toBe('b1 dropped');
    expect(story.verb(b, { verb: 'keys', epoch: 2, message: 'k', body: 'x' })).toMatchObject({ reason: 'wrong-role' });
    expect(story.verb(b, { verb: 'join', proof: 'JOIN b again' })).toMatchObject({ ok: true });
    expect(story.verb(b, { verb: 'join', proof: 'JOIN b again' })).toMatchObject({ ok: true, ignored: true });
    expect(story.roster()).toEqual(['1 a1', '3 c1', '4 b1']);
    expect(story.log().at(-1)).toBe('JOIN b again');
    story.do({ type: 'attached', party: b });
    lose(c);
    story.wait(REJOIN_MS);
    expect(story.told(story.all).findLast((line) => line.startsWith('c1'))).toBe('c1 ended');
    expect(story.verb(c, { verb: 'join', proof: 'JOIN c late' })).toMatchObject({ reason: 'wrong-role' });
    expect(story.call?.state).toBe('connected');
  });

  it('one founder counts, the other one joins', () => {
    const story = new Story();
    story.found(b);
    expect(story.found(a)).toMatchObject({ ok: true, ignored: true });
    expect(story.log()).toEqual(['JOIN b', 'ADMIT by b']);
    story.verb(a, { verb: 'join', proof: 'JOIN a' });
    expect(story.roster()).toEqual(['1 b1', '2 a1']);
  });

  it('says where it stands to a talker, and asks a member for its batch again, of the current epoch only', () => {
    const story = new Story().withC();
    expect(story.verb(c, { verb: 'proofs', after: 0 })).toMatchObject({
      group: { proofs: 5, epoch: 1, prepared: 5, active: 0, roster: [{ since: 1 }, { since: 1 }, { since: 1 }] },
    });
    expect(story.verb(d, { verb: 'proofs', after: 0 })).toMatchObject({ reason: 'unknown-call' });
    story.verb(c, { verb: 'keys-again', epoch: 1, from: [1, 3] });
    expect(story.told()).toEqual(['a1 keys-wanted']);
    expect(story.verb(c, { verb: 'keys-again', epoch: 9, from: [1] })).toMatchObject({ ignored: true });
  });

  it('has fresh keys on request, at most once a minute', () => {
    const story = new Story().withC();
    expect(story.verb(a, { verb: 'rekey' })).toMatchObject({ ignored: true });
    story.wait(REKEY_MIN_MS);
    expect(story.verb(a, { verb: 'rekey' })).not.toHaveProperty('ignored');
    story.wait(EPOCH_COALESCE_MS);
    expect(story.call?.group).toMatchObject({ epoch: 2, prepared: 5 });
  });

  it('takes nobody in once its log is full, and lets everybody out', () => {
    const story = new Story().withC();
    story.call!.group!.proofs = PROOFS_MAX;
    expect(story.add(a, 'd')).toMatchObject({ reason: 'too-many-participants' });
    expect(story.verb(c, { verb: 'leave', proof: 'LEAVE c' })).toMatchObject({ ok: true });
    expect(story.log().at(-1)).toBe('LEAVE c');
  });

  it('who comes back gets a new participant id', () => {
    const story = new Story().withC();
    story.verb(c, { verb: 'leave' });
    story.add(b, 'c');
    story.do({ type: 'policy', attempt: 0, account: 'c', answer: RING });
    expect(story.verb(c, { verb: 'answer', message: 'm', body: 'JOIN c again' })).toMatchObject({ granted: {} });
    expect(story.roster()).toEqual(['1 a1', '2 b1', '4 c1']);
  });

  it('who talked and is rung again in vain keeps the row of having talked, and gets no second one', () => {
    const story = new Story().withC();
    story.verb(c, { verb: 'leave' });
    story.add(b, 'c');
    expect(story.history()).toEqual([expect.objectContaining({ account: 'c', outcome: 'answered', group: true })]);
    story.do({ type: 'policy', attempt: 0, account: 'c', answer: null });
    story.verb(a, { verb: 'leave' });
    expect(story.history().map((row) => row.account)).toEqual(['c', 'a', 'b']);
  });

  it('tells the member that added whether the person declined, was busy, could not be reached, or did not answer', () => {
    const outcome = (story: Story) =>
      story.all.flatMap((e) => (e.type === 'frame' && e.frame.type === 'added' ? [e.frame.outcome] : [])).at(-1);
    const ringing = () => {
      const story = new Story().grown();
      story.add(a, 'c');
      story.do({ type: 'policy', attempt: 0, account: 'c', answer: RING });
      return story;
    };
    const declined = ringing();
    declined.verb(c2, { verb: 'decline', scope: 'all' });
    expect(declined.told()).toEqual(['c1 elsewhere', 'a1 added']);
    expect(outcome(declined)).toBe('declined');
    expect(declined.history()).toEqual([
      expect.objectContaining({ account: 'c', outcome: 'declined', peer: 'a', group: true }),
    ]);
    const unreachable = ringing();
    unreachable.wait(RING_MS + LATE_GRACE_MS);
    expect(outcome(unreachable)).toBe('unreachable');
    const missed = ringing();
    missed.do({ type: 'delivered', party: c });
    missed.wait(RING_MS + LATE_GRACE_MS);
    expect(outcome(missed)).toBe('no-answer');
    const refused = new Story().grown();
    refused.add(a, 'c');
    refused.do({
      type: 'policy',
      attempt: 0,
      account: 'c',
      answer: { verdict: 'stale-devices', set: 2, missing: [], extra: [] },
    });
    expect(refused.told()).toEqual(['a1 stale-devices', 'a1 added']);
    expect(refused.history()).toEqual([]);
    for (const story of [declined, unreachable, missed, refused]) expect(story.call?.state).toBe('connected');
  });

  it('says nothing to a person whose account has not let the call ring', () => {
    const story = new Story().grown();
    story.add(a, 'c');
    story.do({
      type: 'policy',
      attempt: 0,
      account: 'c',
      answer: { verdict: 'silence', cause: 'blocked', log: false, ringAfterMs: 1 },
    });
    story.add(a, 'd');
    story.verb(a, { verb: 'hangup' });
    story.verb(b, { verb: 'hangup' });
    story.wait(RING_MS + LATE_GRACE_MS);
    expect(story.call?.state).toBe('ended');
    expect(story.told(story.all).filter((line) => /^[cd]\d /.test(line))).toEqual([]);
    expect(story.history().map((row) => row.account)).toEqual(['a', 'b']);
  });

  it('only talkers of a connected call may add, and only up to 33', () => {
    const story = new Story();
    expect(story.add(c, 'd')).toMatchObject({ reason: 'unknown-call' });
    const full = new Story().grown();
    full.call = {
      ...full.call!,
      talkers: Array.from({ length: 33 }, (_, n) => ({
        ...full.call!.talkers[0]!,
        device: n === 0 ? 'a1' : `x${n}`,
        account: n === 0 ? 'a' : `x${n}`,
      })),
    };
    expect(full.add(a, 'c')).toMatchObject({ reason: 'too-many-participants' });
  });
});

describe('rosters and epochs in random order', () => {
  const step = fc.record({
    who: fc.constantFrom(a, b, c, c2, d),
    do: fc.constantFrom(
      'add-c',
      'add-d',
      'policy',
      'answer',
      'decline',
      'join',
      'leave',
      'remove',
      'found',
      'rekey',
      'keys',
      'ack',
      'attach',
      'detach',
    ),
    ms: fc.oneof({ weight: 9, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(40_000) }),
  });

  it('epochs only grow, keys reach exactly the roster, and every prepared epoch is activated', () => {
    let epochs = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, grown) => {
        const story = grown ? new Story().withC() : new Story();
        for (const { who, do: what, ms } of steps) {
          const before = story.call?.group ?? null;
          const members = new Set(before?.roster.map(({ device }) => device));
          perform(story, who, what);
          const keyed = story.effects.flatMap((e) =>
            e.type === 'frame' && e.frame.type === 'keys' ? [e.to.device] : [],
          );
          expect(keyed.filter((device) => !members.has(device))).toEqual([]);
          const group = story.call?.group ?? null;
          const talkers = new Set(story.call?.talkers.map(({ device }) => device));
          const strangers = (group?.roster ?? []).filter((entry) => !talkers.has(entry.device));
          expect(story.call?.state === 'ended' ? [] : strangers).toEqual([]);
          expect(group?.epoch ?? 0).toBeGreaterThanOrEqual(before?.epoch ?? 0);
          expect(group?.active ?? 0).toBeLessThanOrEqual(group?.epoch ?? 0);
          const ids = (group?.roster ?? []).map(({ participant }) => participant);
          expect(new Set(ids).size).toBe(ids.length);
          story.wait(ms);
        }
        epochs += story.call?.group?.epoch ?? 0;
        const places = story.all.flatMap((effect) => (effect.type === 'proof' ? [effect.place] : []));
        expect(places).toEqual(places.map((_, i) => i));
        const { prepareAt = null, activateBy = null, epoch = 0, active = 0 } = story.call?.group ?? {};
        const overdue = [prepareAt, activateBy].filter((at) => at !== null && at <= story.now);
        expect(story.call?.state === 'ended' ? [] : overdue).toEqual([]);
        expect(active < epoch && activateBy === null && story.call?.state !== 'ended').toBe(false);
        story.wait(200_000);
        for (const party of [a, b, c, d]) story.verb(party, { verb: 'hangup' });
        expect(story.call?.state).toBe('ended');
        const rows = story.history().map((row) => row.account);
        expect(new Set(rows).size).toBe(rows.length);
      }),
      { numRuns: 500 },
    );
    expect(epochs).toBeGreaterThan(50);
  });

  function perform(story: Story, who: Party, what: string): void {
    const { epoch = 0, roster = [] } = story.call?.group ?? {};
    if (what === 'add-c') story.add(who, 'c');
    if (what === 'add-d') story.add(who, 'd');
    if (what === 'policy')
      for (const account of ['c', 'd']) story.do({ type: 'policy', attempt: 0, account, answer: RING });
    if (what === 'answer') story.verb(who, { verb: 'answer', message: 'm', body: 'JOIN' });
    if (what === 'decline') story.verb(who, { verb: 'decline', scope: 'all' });
    if (what === 'join') story.verb(who, { verb: 'join', proof: 'JOIN' });
    if (what === 'found') story.found(who);
    if (what === 'rekey') story.verb(who, { verb: 'rekey' });
    if (what === 'leave') story.verb(who, { verb: 'leave' });
    if (what === 'remove') story.verb(who, { verb: 'remove', ...c, proof: 'REMOVE' });
    if (what === 'keys') story.verb(who, { verb: 'keys', epoch, message: 'k', body: 'batch' });
    if (what === 'ack')
      story.verb(who, { verb: 'keys-ack', epoch, from: roster.map(({ participant }) => participant) });
    if (what === 'attach') story.do({ type: 'attached', party: who });
    if (what === 'detach') story.do({ type: 'detached', party: who });
  }
});
