import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CallFrame, Party } from '../protocol/call.ts';
import {
  CALLER_ALIVE_MS,
  CLIENT_RING_GRACE_MS,
  CONNECT_MS,
  GRANT_WAIT_MS,
  IN_CALL_ALIVE_MS,
  IN_CALL_LEASE_MS,
} from '../protocol/call.ts';
import { emptyClient, step } from './client.ts';
import type { Client, ClientEffect, ClientInput } from './client.ts';

const self: Party = { account: 'me', device: 'm1' };
const peer: Party = { account: 'a', device: 'a1' };
const other: Party = { account: 'b', device: 'b1' };
const X = '1'.repeat(32);
const Y = '2'.repeat(32);
const Z = '3'.repeat(32);
const DEADLINE = 45_000;

type Loose = Record<string, unknown> & { type: CallFrame['type'] };
const frame = (call: string, rev: number, body: Loose): ClientInput => ({
  type: 'frame',
  frame: { call, rev, at: 0, ...body } as CallFrame,
});
const invite = (call: string, rev = 1, from = peer): ClientInput =>
  frame(call, rev, {
    type: 'invite',
    attempt: 0,
    from,
    media: ['audio', 'video'],
    ringDeadline: DEADLINE,
    message: 'm',
    body: 'b',
  });
const verified = (call: string, party = peer, ok = true, media = ['audio', 'video']): ClientInput => ({
  type: 'invite-verified',
  call,
  ok,
  party,
  media,
});
const answerVerified = (call: string, media = ['audio']): ClientInput => ({
  type: 'answer-verified',
  call,
  ok: true,
  party: peer,
  media,
});
const drained: ClientInput = { type: 'drained', drained: true };
const accept = (call: string): ClientInput => ({ type: 'accept', call, media: ['audio', 'video'] });
const grant = (call: string, rev: number, merged?: string): ClientInput =>
  frame(call, rev, {
    type: 'grant',
    connectDeadline: 60_000,
    ...(merged && { merged: { call: merged, media: ['audio'] } }),
  });
const place = (call: string, to = 'a'): ClientInput => ({
  type: 'place',
  call,
  peer: to,
  media: ['audio', 'video'],
  ringMs: DEADLINE,
});
const accepted = (call: string, rev: number, party = peer): ClientInput =>
  frame(call, rev, { type: 'accepted', ...party, message: 'm', body: 'b', media: ['audio'], connectDeadline: 60_000 });

class Phone {
  client: Client = emptyClient(self);
  effects: ClientEffect[] = [];
  all: ClientEffect[] = [];
  now = 1_000;

  do(...inputs: readonly ClientInput[]): this {
    for (const input of inputs) {
      const next = step(this.client, input, this.now);
      this.client = next.client;
      this.effects = next.effects;
      this.all.push(...next.effects);
    }
    return this;
  }

  /** The last step's effects but timers, verbs by name. */
  did(effects = this.effects): string[] {
    return effects.flatMap((effect) => {
      if (effect.type === 'timer') return [];
      return [effect.type === 'send' ? effect.verb.verb : effect.type];
    });
  }
}

describe('callee', () => {
  it('verifies, alerts, answers, confirms keys, and only then sends media', () => {
    const phone = new Phone().do(drained);
    expect(phone.do(invite(X)).did()).toEqual(['verify-invite']);
    expect(phone.do(verified(X)).did()).toEqual(['alert', 'ringing']);
    expect(phone.do(accept(X)).did()).toEqual(['stop-alert', 'send-answer']);
    expect(phone.do(grant(X, 2)).did()).toEqual(['handshake']);
    expect(phone.do({ type: 'peer-confirmed', call: X }).did()).toEqual(['media-on', 'confirm']);
    expect(phone.do({ type: 'hangup', call: X }).did()).toEqual(['hangup', 'media-off', 'ended']);
  });

  it('alerts only when the backlog is drained: a call cancelled in the same backlog never rings', () => {
    const phone = new Phone().do(invite(X), verified(X), invite(Y), verified(Y), frame(X, 2, { type: 'cancelled' }));
    expect(phone.did(phone.all)).not.toContain('alert');
    expect(phone.do(drained).effects).toContainEqual(expect.objectContaining({ type: 'alert', call: Y }));
    expect(phone.all.filter((effect) => effect.type === 'alert')).toHaveLength(1);
  });

  it('does not ring after the end, the deadline, or again for an older revision', () => {
    const late = new Phone().do(drained, frame(X, 5, { type: 'cancelled' }), invite(X, 4));
    expect(late.did(late.all)).toEqual([]);
    const expired = new Phone().do(invite(X), verified(X));
    expired.now = DEADLINE;
    expect(expired.do(drained).did()).toEqual(['ended']);
  });

  it('rings nothing for an invitation that does not verify or that somebody else signed', () => {
    for (const input of [verified(X, peer, false), verified(X, other)]) {
      const phone = new Phone().do(drained, invite(X), input);
      expect(phone.did()).toEqual(['suspicious', 'failed', 'ended']);
      expect(phone.do(accept(X), grant(X, 3)).did(phone.all)).not.toContain('handshake');
    }
  });

  it('an early tap on a push is consent for that call, spent after verification and grant', () => {
    const phone = new Phone().do({ type: 'announced', call: X, ringDeadline: DEADLINE }, accept(X), invite(X));
    expect(phone.did(phone.all)).toEqual(['verify-invite']);
    expect(phone.do(verified(X)).did()).toEqual(['send-answer']);
    expect(phone.do(grant(X, 2)).did()).toEqual(['handshake']);
  });

  it('a grant without an answer of ours is nothing', () => {
    const phone = new Phone().do(drained, invite(X), verified(X), grant(X, 2));
    expect(phone.did()).toEqual([]);
    expect(phone.do({ type: 'peer-confirmed', call: X }).did()).toEqual([]);
  });

  it('stops when a sibling answered or declined, also while its own answer is under way', () => {
    const elsewhere = frame(X, 2, { type: 'elsewhere', cause: 'answered', by: 'm2' });
    expect(new Phone().do(drained, invite(X), verified(X), elsewhere).did()).toEqual(['stop-alert', 'ended']);
    const phone = new Phone().do(drained, invite(X), verified(X), accept(X));
    phone.do({
      type: 'reply',
      attempt: 0,
      call: X,
      verb: 'answer',
      reply: { ok: false, call: X, rev: 2, serverNow: 0, reason: 'answered-elsewhere' },
    });
    expect(phone.effects).toContainEqual({ type: 'ended', call: X, reason: 'completed', elsewhere: 'answered' });
  });

  it('an older or repeated revision changes nothing', () => {
    const phone = new Phone().do(drained, invite(X), verified(X), accept(X), grant(X, 3));
    const { client } = phone;
    phone.do(
      frame(X, 2, { type: 'elsewhere', cause: 'answered', by: 'm2' }),
      frame(X, 3, { type: 'cancelled' }),
      invite(X),
    );
    expect(phone.client).toEqual(client);
  });

  it('repeats its answer until it is told, and stops its own ring after the deadline', () => {
    const phone = new Phone().do(drained, invite(X), verified(X), accept(X));
    phone.now += GRANT_WAIT_MS;
    expect(phone.do({ type: 'timer', call: X, key: 'answer' }).effects[0]).toMatchObject({
      type: 'send-answer',
      again: true,
    });
    phone.now = DEADLINE + GRANT_WAIT_MS + CLIENT_RING_GRACE_MS + 1;
    expect(phone.do({ type: 'timer', call: X, key: 'answer' }).did()).toEqual(['hangup', 'stop-alert', 'ended']);
    const ringing = new Phone().do(drained, invite(X), verified(X), { type: 'timer', call: X, key: 'ring' });
    expect(ringing.did()).toEqual(['stop-alert', 'ended']);
  });

  it('the peer’s device that calls again replaces its old call, and rings like any other; a late invitation does not', () => {
    const phone = new Phone().do(drained, invite(X), verified(X), accept(X), grant(X, 2), {
      type: 'peer-confirmed',
      call: X,
    });
    expect(phone.do(invite(Z), verified(Z)).did()).toEqual(['ended']);
    expect(phone.client.calls[X]?.phase).toBe('active');
    const { frame: again } = invite(Y) as ClientInput & { type: 'frame' };
    phone.do({ type: 'frame', frame: { ...again, at: phone.now + 1 } }, verified(Y));
    expect(phone.did()).toEqual(['hangup', 'media-off', 'ended', 'alert', 'ringing']);
  });
});

describe('caller', () => {
  it('invites, is answered by one verified device, confirms keys, and only then sends media', () => {
    const phone = new Phone().do(place(X));
    expect(phone.did()).toEqual(['send-invite']);
    phone.do(frame(X, 1, { type: 'invited', ringDeadline: DEADLINE, legs: 2 }));
    expect(phone.do(frame(X, 2, { type: 'remote-ringing' })).did()).toEqual(['remote-ringing']);
    expect(phone.do(accepted(X, 3)).did()).toEqual(['verify-answer']);
    expect(phone.do({ type: 'peer-confirmed', call: X }).did()).toEqual([]);
    expect(phone.do(answerVerified(X)).did()).toEqual(['handshake']);
    expect(phone.do({ type: 'peer-confirmed', call: X }).did()).toEqual(['media-on', 'confirm']);
  });

  it('confirms one answer only, and hangs up on one that does not verify', () => {
    const phone = new Phone().do(place(X), accepted(X, 1), accepted(X, 2, { account: 'a', device: 'a2' }));
    expect(phone.did()).toEqual([]);
    expect(
      phone
        .do({ type: 'answer-verified', call: X, ok: true, party: { account: 'a', device: 'a2' }, media: ['audio'] })
        .did(),
    ).toEqual(['suspicious', 'hangup', 'ended']);
    expect(new Phone().do(place(X), accepted(X, 1, other)).did()).toEqual([]);
  });

  it('keeps its lease, repeats an unanswered invitation, and stops by its own clock', () => {
    const phone = new Phone().do(place(X));
    phone.now += CALLER_ALIVE_MS;
    expect(phone.do({ type: 'timer', call: X, key: 'alive' }).did()).toEqual(['alive']);
    expect(phone.do({ type: 'timer', call: X, key: 'invite' }).did()).toEqual(['send-invite']);
    expect(phone.do({ type: 'timer', call: X, key: 'ring' }).did()).toEqual(['cancel', 'ended']);
  });

  it('takes a late reply to an older attempt of its invitation for past', () => {
    const refused = (reason: 'stale-devices' | 'stale-attempt'): ClientInput => ({
      type: 'reply',
      call: X,
      verb: 'invite',
      attempt: 0,
      reply: { ok: false, call: X, rev: 1, serverNow: 0, reason },
    });
    const phone = new Phone().do(place(X), refused('stale-devices'));
    expect(phone.effects[0]).toEqual({ type: 'refresh-invite', call: X, attempt: 1, replaces: null });
    expect(phone.do(refused('stale-devices'), refused('stale-attempt')).did()).toEqual([]);
  });

  it('looks the peer up again when its data are stale, once per attempt', () => {
    const stale = frame(X, 1, { type: 'stale-devices', attempt: 0, set: 3, missing: [], extra: [] });
    const phone = new Phone().do(place(X), stale);
    expect(phone.effects[0]).toEqual({ type: 'refresh-invite', call: X, attempt: 1, replaces: null });
    expect(phone.do(frame(X, 2, { type: 'stale-devices', attempt: 0, set: 3, missing: [], extra: [] })).did()).toEqual(
      [],
    );
    expect(phone.do(frame(X, 3, { type: 'denied', attempt: 1, reason: 'rate-limited' })).did()).toEqual(['ended']);
  });

  it('tapping again ends the old call here and names it, so that the server ends it first', () => {
    const phone = new Phone().do(place(X), {
      type: 'place',
      call: Y,
      peer: 'a',
      media: ['audio'],
      ringMs: DEADLINE,
      replaces: X,
    });
    expect(phone.did()).toEqual(['ended', 'send-invite']);
    expect(phone.effects).toContainEqual({ type: 'send-invite', call: Y, attempt: 0, replaces: X, again: false });
    expect(phone.do(accepted(X, 9)).did()).toEqual([]);
  });

  it('reconnects within the lease and gives up after it', () => {
    const up = [place(X), accepted(X, 1), answerVerified(X), { type: 'peer-confirmed', call: X }] as const;
    const phone = new Phone().do(...up, { type: 'transport', call: X, up: false });
    expect(phone.did()).toEqual(['ice-restart']);
    phone.do({ type: 'transport', call: X, up: true });
    expect(phone.client.calls[X]?.phase).toBe('active');
    phone.do({ type: 'transport', call: X, up: false });
    phone.now += IN_CALL_LEASE_MS;
    expect(phone.do({ type: 'timer', call: X, key: 'reconnect' }).did()).toEqual(['hangup', 'media-off', 'ended']);
  });

  it('asks and talks in the media that are sealed, whatever the server says of them, and never in more than its user chose', () => {
    const told = (media: string[]) => ({
      ...invite(X),
      frame: { ...(invite(X) as never as { frame: object }).frame, media },
    });
    const asked = (...inputs: ClientInput[]) => new Phone().do(drained, ...inputs).client.calls[X]?.media;
    for (const lie of [['audio'], ['audio', 'video'], ['audio', 'video', 'screen'], ['screen']]) {
      const frame = told(lie) as ClientInput;
      expect(asked(frame, verified(X, peer, true, ['audio', 'video']))).toEqual(['audio', 'video']);
      expect(asked(frame, verified(X, peer, true, ['audio']), accept(X))).toEqual(['audio']);
      const announced: ClientInput = { type: 'announced', call: X, ringDeadline: DEADLINE };
      expect(asked(announced, accept(X), frame, verified(X, peer, true, ['audio']))).toEqual(['audio']);
      expect(asked(frame, accept(X), verified(X))).toEqual(['audio', 'video']);
      const answer = { ...(accepted(X, 1) as never as { frame: object }).frame, media: lie };
      const placed = [place(X), { type: 'frame', frame: answer } as ClientInput];
      expect(asked(...placed, answerVerified(X, ['audio']))).toEqual(['audio']);
      expect(asked(...placed, answerVerified(X, ['audio', 'video', 'screen']))).toEqual(['audio', 'video']);
    }
  });

  it('says that it is there only while its plane does not: the keep-alive of an open one takes no turn', () => {
    const phone = new Phone().do(
      place(X),
      accepted(X, 1),
      answerVerified(X),
      { type: 'transport', call: X, up: true },
      { type: 'peer-confirmed', call: X },
    );
    const tick = () => phone.do({ type: 'timer', call: X, key: 'alive' });
    expect(tick().did()).toEqual([]);
    expect(phone.effects).toEqual([{ type: 'timer', call: X, key: 'alive', at: phone.now + IN_CALL_ALIVE_MS }]);
    phone.do({ type: 'transport', call: X, up: false });
    expect(tick().did()).toEqual(['alive']);
    phone.do({ type: 'transport', call: X, up: true });
    expect(tick().did()).toEqual([]);
  });

  it('gives up when keys are not confirmed in time', () => {
    const phone = new Phone().do(place(X), accepted(X, 1), {
      type: 'answer-verified',
      call: X,
      ok: true,
      party: peer,
      media: ['audio'],
    });
    phone.now += CONNECT_MS;
    expect(phone.do({ type: 'timer', call: X, key: 'connect' }).did()).toEqual(['hangup', 'ended']);
  });
});

describe('glare', () => {
  const lost = (redial = false): ClientInput =>
    frame(Y, 1, { type: 'ended', reason: 'glare-merged', into: X, ...(redial && { redial }) });

  it('answers the survivor by itself, in the poorer media, whichever frame comes first', () => {
    const orders = [
      [invite(X), verified(X), grant(X, 2, Y), lost()],
      [invite(X), verified(X), lost(), grant(X, 2, Y)],
      [lost(), invite(X), grant(X, 2, Y), verified(X)],
      [invite(X), grant(X, 2, Y), lost(), verified(X)],
    ];
    for (const order of orders) {
      const phone = new Phone().do(drained, place(Y), ...order);
      expect(phone.did(phone.all).filter((what) => what === 'send-answer' || what === 'handshake')).toEqual([
        'send-answer',
        'handshake',
      ]);
      expect(phone.client.calls[X]).toMatchObject({ consent: 'glare', media: ['audio'], phase: 'connecting' });
      expect(phone.client.calls[Y]).toBeUndefined();
    }
  });

  it('hangs up instead when the own call was cancelled, never placed, or to another account', () => {
    const cancelled = new Phone().do(
      drained,
      place(Y),
      { type: 'hangup', call: Y },
      invite(X),
      verified(X),
      grant(X, 2, Y),
    );
    const never = new Phone().do(drained, invite(X), verified(X), grant(X, 2, Y));
    const elsewhere = new Phone().do(drained, place(Y, 'b'), invite(X), verified(X), grant(X, 2, Y));
    const cancelledWhileUnverified = new Phone().do(
      drained,
      place(Y),
      invite(X),
      grant(X, 2, Y),
      { type: 'hangup', call: Y },
      verified(X),
    );
    for (const phone of [cancelled, never, elsewhere, cancelledWhileUnverified]) {
      expect(phone.did()).toContain('hangup');
      expect(phone.did(phone.all)).not.toContain('send-answer');
      expect(phone.client.calls[X]).toBeUndefined();
    }
  });

  it('whoever hangs up the call that was merged hangs up the one that goes on for it', () => {
    for (const type of ['hangup', 'decline'] as const) {
      const phone = new Phone().do(drained, place(Y), invite(X), verified(X), grant(X, 2, Y));
      expect(phone.client.calls[Y]).toBeUndefined();
      phone.do({ type, call: Y, scope: 'all' }, { type: 'peer-confirmed', call: X });
      expect(phone.did(phone.all)).toContain('hangup');
      expect(phone.did(phone.all)).not.toContain('media-on');
      expect(phone.client.calls).toEqual({});
    }
  });

  it('places the call again when the survivor was gone, unless the user has cancelled', () => {
    expect(new Phone().do(place(Y), lost(true)).did()).toEqual(['ended', 'redial']);
    expect(new Phone().do(place(Y), { type: 'hangup', call: Y }, lost(true)).did()).toEqual([]);
  });

  it('ends with the survivor', () => {
    const phone = new Phone().do(drained, place(Y), lost(), invite(X), verified(X), frame(X, 2, { type: 'cancelled' }));
    expect(phone.client.calls).toEqual({});
  });
});

/** A server that says anything in any order. Only verification is honest: a party cannot sign for another. */
describe('consent (G5) against a hostile server', () => {
  const call = fc.constantFrom(X, Y, Z);
  const party = fc.constantFrom(peer, other, { account: 'a', device: 'a2' });
  const rev = fc.nat(12);
  const remote = fc.oneof(
    fc.record({ call, rev, from: party }).map((r) => invite(r.call, r.rev, r.from)),
    fc.record({ call, rev, merged: fc.option(call, { nil: undefined }) }).map((r) => grant(r.call, r.rev, r.merged)),
    fc.record({ call, rev, party }).map((r) => accepted(r.call, r.rev, r.party)),
    fc.record({ call, rev }).map((r) => frame(r.call, r.rev, { type: 'cancelled' })),
    fc.record({ call, rev, into: call, redial: fc.boolean() }).map((r) =>
      frame(r.call, r.rev, {
        type: 'ended',
        reason: 'glare-merged',
        into: r.into,
        ...(r.redial && { redial: true }),
      }),
    ),
    fc
      .record({ call, rev, party })
      .map((r) => frame(r.call, r.rev, { type: 'signal', from: r.party, message: 'm', body: 'b' })),
    fc.record({ call, rev }).map((r) => frame(r.call, r.rev, { type: 'connected' })),
    fc.record({ call, rev }).map((r) => frame(r.call, r.rev, { type: 'invited', ringDeadline: DEADLINE, legs: 1 })),
    fc.record({ call, rev }).map((r) => frame(r.call, r.rev, { type: 'remote-ringing' })),
    call.map((id): ClientInput => ({
      type: 'reply',
      attempt: 0,
      call: id,
      verb: 'answer',
      reply: { ok: true, call: id, rev: 1, state: 'granted', serverNow: 0, granted: { connectDeadline: 60_000 } },
    })),
    call.map((id): ClientInput => ({ type: 'announced', call: id, ringDeadline: DEADLINE })),
    fc.boolean().map((value): ClientInput => ({ type: 'drained', drained: value })),
  );
  const local = fc.oneof(
    fc.record({ call, to: fc.constantFrom('a', 'b') }).map((r) => place(r.call, r.to)),
    call.map(accept),
    call.map((id): ClientInput => ({ type: 'hangup', call: id })),
    call.map((id): ClientInput => ({ type: 'decline', call: id, scope: 'all' })),
    fc.record({ call, up: fc.boolean() }).map((r): ClientInput => ({ type: 'transport', ...r })),
    fc
      .record({ call, key: fc.constantFrom('alive', 'invite', 'answer', 'ring', 'connect', 'reconnect', 'merge') })
      .map((r): ClientInput => ({ type: 'timer', ...r })),
  );
  /** The crypto of the device: opens what it was asked to open, confirms with whom it shook hands. */
  const crypto = fc.oneof(
    fc
      .record({ call, party, ok: fc.boolean() })
      .map((r): ClientInput => ({ type: 'invite-verified', ...r, media: ['audio'] })),
    fc
      .record({ call, party, ok: fc.boolean() })
      .map((r): ClientInput => ({ type: 'answer-verified', ...r, media: ['audio'] })),
    call.map((id): ClientInput => ({ type: 'peer-confirmed', call: id })),
  );
  const anything = fc.oneof(
    { weight: 5, arbitrary: remote },
    { weight: 3, arbitrary: local },
    { weight: 4, arbitrary: crypto },
  );
  const confirmed: ClientInput = { type: 'peer-confirmed', call: X };
  const answered: ClientInput = answerVerified(X);
  /** The ways to media; what a rule forbids is most often one step of them left out. */
  const ways = [
    [drained, invite(X), verified(X), accept(X), grant(X, 2), confirmed],
    [{ type: 'announced', call: X, ringDeadline: DEADLINE } as const, accept(X), invite(X), verified(X), grant(X, 2)],
    [place(X), accepted(X, 3), answered, confirmed],
    [place(Y), invite(X), verified(X), grant(X, 2, Y), confirmed],
    [place(Y, 'b'), invite(X), verified(X), grant(X, 2, Y), confirmed],
    [place(Y), { type: 'hangup', call: Y } as const, invite(X), verified(X), grant(X, 2, Y), confirmed],
  ];
  const astray = fc
    .tuple(
      fc.constantFrom(...ways).chain((way) => fc.subarray(way, { minLength: 2 })),
      fc.array(fc.tuple(fc.nat(6), anything), { maxLength: 8 }),
    )
    .map(([way, others]) => others.reduce((all, [at, one]) => all.toSpliced(at, 0, one), way));
  const story = fc.oneof(fc.array(anything, { maxLength: 40 }), { weight: 3, arbitrary: astray });

  it('no sequence makes it shake hands or send media without its user’s consent, a grant, and a verified peer', () => {
    fc.assert(
      fc.property(story, (inputs) => {
        const phone = new Phone();
        const witness = new Witness();
        for (const input of inputs) {
          witness.before(input, phone.client);
          phone.do(input);
          for (const effect of phone.effects) witness.check(effect, phone.client);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('reaches media in some of these stories, so that the property says something', () => {
    let media = 0;
    let glare = 0;
    const happy = [invite(X), verified(X), accept(X), grant(X, 2), { type: 'peer-confirmed', call: X }] as const;
    fc.assert(
      fc.property(fc.shuffledSubarray([...happy, drained, place(Y), grant(X, 3, Y)], { minLength: 6 }), (inputs) => {
        const phone = new Phone().do(...inputs);
        if (phone.did(phone.all).includes('media-on')) media++;
        if (phone.did(phone.all).includes('send-answer') && phone.client.calls[X]?.consent === 'glare') glare++;
      }),
      { numRuns: 2_000 },
    );
    expect(media).toBeGreaterThan(10);
    expect(glare).toBeGreaterThan(10);
  });

  /** Keeps what the user did and what was proved, without looking into the machine. */
  class Witness {
    readonly wanted = new Map<string, { how: 'placed' | 'accepted'; peer: string }>();
    readonly granted = new Set<string>();
    readonly shaken = new Set<string>();
    readonly confirmed = new Set<string>();
    readonly proved = new Map<string, Party[]>();

    before(input: ClientInput, client: Client): void {
      if (input.type === 'place' && !client.calls[input.call] && !client.tombstones[input.call]) {
        this.wanted.set(input.call, { how: 'placed', peer: input.peer });
      }
      if (input.type === 'accept' && client.calls[input.call]?.role === 'callee')
        this.wanted.set(input.call, { how: 'accepted', peer: '' });
      if (input.type === 'hangup' || input.type === 'decline') this.wanted.delete(input.call);
      if (input.type === 'reply' || (input.type === 'frame' && ['grant', 'accepted'].includes(input.frame.type))) {
        this.granted.add(input.type === 'reply' ? input.call : input.frame.call);
      }
      if ((input.type === 'invite-verified' || input.type === 'answer-verified') && input.ok) {
        this.proved.set(input.call, [...(this.proved.get(input.call) ?? []), input.party]);
      }
      if (input.type === 'peer-confirmed' && this.shaken.has(input.call)) this.confirmed.add(input.call);
    }

    check(effect: ClientEffect, client: Client): void {
      if (effect.type === 'alert') {
        expect(client.drained).toBe(true);
        expect(this.proved.get(effect.call)).toContainEqual(effect.peer);
      }
      if (effect.type === 'handshake' || effect.type === 'media-on') {
        expect(this.granted.has(effect.call)).toBe(true);
        expect(this.proved.get(effect.call)).toContainEqual(effect.peer);
        expect(this.consented(effect.call, effect.peer, client)).toBe(true);
      }
      // The sealed answer is the first thing that the caller's keys are made of.
      if (effect.type === 'send-answer') {
        const { peer: party } = client.calls[effect.call]!;
        expect(this.proved.get(effect.call)).toContainEqual(party);
        expect(this.consented(effect.call, party as Party, client)).toBe(true);
      }
      if (effect.type === 'handshake') this.shaken.add(effect.call);
      if (effect.type === 'media-on') expect(this.confirmed.has(effect.call)).toBe(true);
    }

    consented(id: string, party: Party, client: Client): boolean {
      const own = this.wanted.get(id);
      if (own?.how === 'accepted') return true;
      if (own?.how === 'placed') return own.peer === party.account;
      const merged = this.wanted.get(client.calls[id]?.mergedFrom ?? '');
      return merged?.how === 'placed' && merged.peer === party.account;
    }
  }
});
