import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Party, Reply, Verb } from '../protocol/call.ts';
import { parseVerb } from '../protocol/verb.ts';
import {
  ADMISSION_MS,
  CALLER_LEASE_MS,
  CONNECT_MS,
  ERASE_AFTER_MS,
  GRANT_WAIT_MS,
  IN_CALL_ALIVE_MS,
  IN_CALL_LEASE_MS,
  LEASE_SLACK_MS,
  PLANE_SILENCE_MS,
  LATE_GRACE_MS,
  RING_MS,
} from '../protocol/call.ts';
import type { HistoryRow } from '../protocol/history.ts';
import type { Call } from './call.ts';
import type { CallCommand, CallMail, PolicyAnswer } from './command.ts';
import { decide } from './decide.ts';
import type { Effect } from './effect.ts';
import { view } from './view.ts';

const ID = '8'.repeat(32);
const LOWER = '1'.repeat(32);
/** The callee's id is the lower one: it keeps the pair lock, so one question answers both. */
const caller: Party = { account: 'b-caller', device: 'cc' };
const phone: Party = { account: 'a-callee', device: 'p' };
const laptop: Party = { account: 'a-callee', device: 'l' };
const tablet: Party = { account: 'a-callee', device: 't' };
const legs = [phone, laptop, tablet].map(({ device }) => ({
  device,
  capability: 'x',
  message: device.repeat(32),
  body: `for ${device}`,
}));
const invite: Verb = { verb: 'invite', call: ID, attempt: 0, to: 'a-callee', media: ['audio', 'video'], set: 4, legs };
const RING: PolicyAnswer = { verdict: 'ring', lock: { lock: 'taken' } };

/** A call, the time, and everything it did. */
class Story {
  call: Call | null = null;
  now = 1_000;
  effects: Effect[] = [];
  all: Effect[] = [];

  command(command: CallCommand): Reply | null {
    const decision = decide(this.call, command, this.now);
    this.call = decision.call;
    this.effects = decision.effects;
    this.all.push(...decision.effects);
    return decision.reply;
  }

  verb(party: Party, verb: Omit<Verb, 'call' | 'attempt'> & { attempt?: number }): Reply {
    return this.command({ type: 'verb', party, verb: { attempt: 0, ...verb, call: ID } as Verb })!;
  }

  ring(answer: PolicyAnswer = RING, change: Partial<Verb> = {}): this {
    this.verb(caller, Object.assign({}, invite, change));
    this.command({ type: 'policy', attempt: 0, answer });
    for (const { device, message } of legs) {
      this.command({ type: 'mailed', party: { account: 'a-callee', device }, message, outcome: 'stored' });
    }
    return this;
  }

  answer(party: Party): Reply {
    return this.verb(party, { verb: 'answer', message: 'e'.repeat(32), body: `answer of ${party.device}` } as Verb);
  }

  /** To whom which frame went in the last turn, by mailbox (and `~` by socket). */
  told(effects = this.effects): string[] {
    return effects.flatMap((effect) => {
      if (effect.type === 'mail') return [`${effect.to.device} ${(effect.envelope.body as { type: string }).type}`];
      return effect.type === 'frame' ? [`~${effect.to.device} ${effect.frame.type}`] : [];
    });
  }

  legs(): Record<string, string> {
    return Object.fromEntries((this.call?.legs ?? []).map((leg) => [leg.device, leg.state]));
  }

  history(): HistoryRow[] {
    return this.all.flatMap((effect) =>
      effect.type === 'account' && effect.mail.type === 'history' ? [effect.mail.row] : [],
    );
  }

  due(key: string, ms: number): void {
    this.now += ms;
    this.command({ type: 'due', key });
  }
}

describe('the main job', () => {
  it('rings every device, is answered once, connects, hangs up, and leaves one history row per account', () => {
    const story = new Story();
    expect(story.verb(caller, invite)).toMatchObject({ ok: true, state: 'new', pending: true });
    expect(story.told()).toEqual([]);
    expect(story.effects[0]).toMatchObject({
      type: 'account',
      to: 'a-callee',
      mail: { type: 'invite-question', set: 4 },
    });

    story.command({ type: 'policy', attempt: 0, answer: RING });
    expect(story.told()).toEqual(['p invite', 'l invite', 't invite', 'cc invited']);
    for (const { device, message } of legs) {
      story.command({ type: 'mailed', party: { account: 'a-callee', device }, message, outcome: 'stored' });
    }
    expect(story.legs()).toEqual({ p: 'sent', l: 'sent', t: 'sent' });
    story.command({ type: 'delivered', party: phone });
    story.verb(phone, { verb: 'ringing' });
    expect(story.told()).toEqual(['cc remote-ringing']);
    story.verb(laptop, { verb: 'ringing' });
    expect(story.told()).toEqual([]);

    expect(story.answer(laptop)).toMatchObject({
      ok: true,
      state: 'granted',
      granted: { connectDeadline: 1_000 + CONNECT_MS },
    });
    expect(story.told()).toEqual(['l grant', 'p elsewhere', 't elsewhere', 'cc accepted']);
    expect(story.answer(phone)).toMatchObject({ ok: false, reason: 'answered-elsewhere', by: 'l' });
    expect(story.legs()).toEqual({ p: 'lost', l: 'won', t: 'elsewhere' });

    story.command({ type: 'attached', party: caller });
    story.verb(caller, { verb: 'signal', message: 'f'.repeat(32), body: 'ice' } as Verb);
    expect(story.told()).toEqual(['l signal']);
    story.now += 500;
    expect(story.verb(laptop, { verb: 'confirm' })).toMatchObject({ ok: true, state: 'connected' });
    story.now += 60_000;
    expect(story.verb(laptop, { verb: 'hangup' })).toMatchObject({ ok: true, state: 'ended', reason: 'completed' });
    expect(story.told()).toEqual(['cc ended', '~cc ended', 'l ended']);
    expect(story.history()).toEqual([
      expect.objectContaining({
        account: 'b-caller',
        peer: 'a-callee',
        direction: 'outgoing',
        outcome: 'answered',
        by: 'cc',
      }),
      expect.objectContaining({
        account: 'a-callee',
        peer: 'b-caller',
        direction: 'incoming',
        outcome: 'answered',
        by: 'l',
      }),
    ]);
    story.due('erase', ERASE_AFTER_MS);
    expect(story.effects).toEqual([{ type: 'erase' }]);
  });

  it('raises the revision with every frame one device is sent', () => {
    const story = new Story().ring();
    story.verb(phone, { verb: 'ringing' });
    story.answer(phone);
    story.verb(phone, { verb: 'confirm' });
    story.verb(caller, { verb: 'hangup' });
    for (const device of ['cc', 'p', 'l', 't']) {
      const revs = story.all.flatMap((e) =>
        e.type === 'mail' && e.to.device === device ? [(e.envelope.body as { rev: number }).rev] : [],
      );
      expect(revs).toEqual([...new Set(revs)].sort((a, b) => a - b));
    }
  });

  it('sends each device only the body sealed to it, and forgets it', () => {
    const story = new Story().ring();
    const bodies = story.all.flatMap((e) =>
      e.type === 'mail' && e.invitation ? [[e.to.device, (e.envelope.body as { body: string }).body]] : [],
    );
    expect(bodies).toEqual([
      ['p', 'for p'],
      ['l', 'for l'],
      ['t', 'for t'],
    ]);
    expect(JSON.stringify(story.call)).not.toContain('for p');
  });
});

describe('admission', () => {
  it('asks the account of the lower id for the pair lock when that is the caller’s', () => {
    const story = new Story();
    const self = { account: 'A-caller', device: 'cc' };
    story.verb(self, invite);
    expect(story.effects[0]).toMatchObject({ mail: { type: 'invite-question', lock: null } });
    story.command({ type: 'policy', attempt: 0, answer: { verdict: 'ring', lock: null } });
    expect(story.effects).toMatchObject([
      { type: 'account', to: 'A-caller', mail: { type: 'lock-take' } },
      { type: 'deadline' },
    ]);
    expect(story.call?.state).toBe('new');
    story.command({ type: 'lock', attempt: 0, answer: { lock: 'taken' } });
    expect(story.call?.state).toBe('ringing');
  });

  it('refuses a stale device list with the difference, and rings at the next attempt', () => {
    const story = new Story();
    story.verb(caller, invite);
    const stale = { set: 5, missing: [{ device: 'new' }], extra: ['t'] };
    story.command({ type: 'policy', attempt: 0, answer: { verdict: 'stale-devices', ...stale } });
    expect(story.told()).toEqual(['cc stale-devices']);
    expect(story.verb(caller, invite)).toMatchObject({ ok: false, reason: 'stale-devices', ...stale });
    expect(story.verb(caller, { ...invite, attempt: 2 })).toMatchObject({ ok: false, reason: 'stale-attempt' });
    expect(story.verb(caller, { ...invite, attempt: 1 })).toMatchObject({ ok: true, pending: true });
    story.command({ type: 'policy', attempt: 0, answer: RING });
    expect(story.call?.state).toBe('new');
    story.command({ type: 'policy', attempt: 1, answer: RING });
    expect(story.call?.state).toBe('ringing');
    expect(story.answer(phone)).toMatchObject({ ok: false, reason: 'stale-attempt' });
  });

  it('a cancel that overtakes the next attempt cancels, and that attempt does not ring', () => {
    const story = new Story();
    story.verb(caller, invite);
    story.command({ type: 'policy', attempt: 0, answer: { verdict: 'stale-capability', devices: ['p'] } });
    expect(story.verb(caller, { verb: 'cancel', attempt: 1 })).toMatchObject({ ok: true, state: 'ended' });
    expect(story.verb(caller, { ...invite, attempt: 1 })).toMatchObject({ ok: false, reason: 'stale-attempt' });
    expect(story.history()).toEqual([]);
  });

  it('lets the first inviter own the call id', () => {
    const story = new Story().ring();
    expect(story.verb({ account: 'b-caller', device: 'other' }, invite)).toMatchObject({
      ok: false,
      reason: 'call-id-taken',
    });
    expect(story.verb(caller, invite)).toMatchObject({ ok: true, state: 'ringing', ringDeadline: 1_000 + RING_MS });
  });

  it.each([
    [{ verdict: 'rate-limited', retryAfterMs: 7 } as const, 'rate-limited'],
    [{ verdict: 'callee-unknown' } as const, 'callee-unknown'],
    [null, 'unavailable'],
  ])('ends and tells the caller when the callee’s account says %j', (answer, reason) => {
    const story = new Story();
    story.verb(caller, invite);
    story.command({ type: 'policy', attempt: 0, answer });
    expect(story.told()).toEqual(['cc denied']);
    expect(story.verb(caller, invite)).toMatchObject({ ok: false, reason });
    expect(story.call?.state).toBe('ended');
    expect(story.history()).toEqual([]);
  });

  it('gives up when nobody answers the question, and releases a lock that may have been taken', () => {
    const story = new Story();
    story.verb(caller, invite);
    story.due('admit', ADMISSION_MS + 1_000);
    expect(story.told()).toEqual(['cc denied']);
    expect(story.effects).toContainEqual(
      expect.objectContaining({ mail: expect.objectContaining({ type: 'lock-release' }) }),
    );
  });

  it('absorbs a blocked caller: it hears a ring and no answer, no device hears anything, no row is left', () => {
    const story = new Story().ring({ verdict: 'silence', cause: 'blocked', log: false, ringAfterMs: 400 });
    expect(story.told(story.all)).toEqual(['cc invited']);
    story.due('feign', 400);
    expect(story.told()).toEqual(['cc remote-ringing']);
    story.due('ring', RING_MS + LATE_GRACE_MS);
    expect(story.told()).toEqual(['cc ended']);
    expect(story.call).toMatchObject({ state: 'ended', reason: 'no-answer' });
    expect(story.history().map((row) => row.account)).toEqual(['b-caller']);
  });

  it('logs what do-not-disturb silenced as one missed call', () => {
    const story = new Story().ring({ verdict: 'silence', cause: 'do-not-disturb', log: true, ringAfterMs: 400 });
    story.due('ring', RING_MS + LATE_GRACE_MS);
    expect(story.history()[1]).toMatchObject({ account: 'a-callee', outcome: 'no-answer', silenced: true, by: null });
  });

  it('ends the replaced call before it rings', () => {
    const story = new Story();
    story.verb(caller, { ...invite, replaces: LOWER } as Verb);
    expect(story.effects).toContainEqual(expect.objectContaining({ type: 'call', to: LOWER }));
    story.command({ type: 'policy', attempt: 0, answer: RING });
    expect(story.call?.state).toBe('new');
    story.command({ type: 'call', mail: { type: 'replaced', from: LOWER } });
    expect(story.call?.state).toBe('ringing');
    story.command({ type: 'call', mail: { type: 'replace', from: '9'.repeat(32), party: phone } });
    expect(story.call?.state).toBe('ringing');
    story.command({ type: 'call', mail: { type: 'replace', from: '9'.repeat(32), party: caller } });
    expect(story.call).toMatchObject({ state: 'ended', reason: 'replaced' });
    expect(story.history()).toEqual([]);
  });
});

describe('races', () => {
  it('answer beats a later cancel: it becomes a hang-up and nobody missed a call', () => {
    const story = new Story().ring();
    story.answer(phone);
    expect(story.verb(caller, { verb: 'cancel' })).toMatchObject({ ok: true, state: 'ended', reason: 'completed' });
    expect(story.history().map((row) => row.outcome)).toEqual(['answered', 'answered']);
  });

  it('cancel before answer: the answer is denied and no grant was ever sent', () => {
    const story = new Story().ring();
    story.verb(caller, { verb: 'cancel' });
    expect(story.told()).toEqual(['p cancelled', 'l cancelled', 't cancelled', 'cc ended']);
    expect(story.answer(phone)).toMatchObject({ ok: false, reason: 'cancelled' });
    expect(story.told(story.all).filter((line) => line.endsWith('grant'))).toEqual([]);
    expect(story.history().map((row) => row.outcome)).toEqual(['cancelled', 'cancelled']);
  });

  it('decline(all) stops every device; a decline after the grant changes nothing', () => {
    const story = new Story().ring();
    story.verb(phone, { verb: 'decline', scope: 'all' } as Verb);
    expect(story.told()).toEqual(['l elsewhere', 't elsewhere', 'cc ended']);
    expect(story.answer(laptop)).toMatchObject({ reason: 'declined-elsewhere', by: 'p' });
    expect(story.history()[1]).toMatchObject({ outcome: 'declined', by: 'p' });
    const late = new Story().ring();
    late.answer(laptop);
    expect(late.verb(phone, { verb: 'decline', scope: 'all' } as Verb)).toMatchObject({
      ok: true,
      ignored: true,
      state: 'granted',
    });
  });

  it('declining on each device tells the caller nothing until the deadline', () => {
    const story = new Story().ring();
    for (const party of [phone, laptop, tablet]) story.verb(party, { verb: 'decline', scope: 'device' } as Verb);
    expect(story.told(story.all)).toEqual(['p invite', 'l invite', 't invite', 'cc invited']);
    expect(story.call?.state).toBe('ringing');
    story.due('ring', RING_MS + LATE_GRACE_MS);
    expect(story.call?.reason).toBe('no-answer');
  });

  it('busy and failure end only their leg; all legs busy or failed end the call', () => {
    const story = new Story().ring();
    story.verb(phone, { verb: 'busy' });
    story.verb(laptop, { verb: 'failed' });
    expect(story.call?.state).toBe('ringing');
    story.verb(tablet, { verb: 'failed' });
    expect(story.call).toMatchObject({ state: 'ended', reason: 'busy' });
    const failed = new Story().ring();
    for (const party of [phone, laptop, tablet]) failed.verb(party, { verb: 'failed' });
    expect(failed.call?.reason).toBe('failed');
  });

  it('a leg that ignored the call hides that others failed', () => {
    const story = new Story().ring();
    story.verb(phone, { verb: 'ignore' });
    story.verb(laptop, { verb: 'failed' });
    story.verb(tablet, { verb: 'failed' });
    expect(story.call?.state).toBe('ringing');
    story.due('ring', RING_MS + LATE_GRACE_MS);
    expect(story.call?.reason).toBe('no-answer');
  });

  it('an answer within the late grace wins, a later one does not, however late the deadline is judged', () => {
    const story = new Story().ring();
    story.now += RING_MS + LATE_GRACE_MS;
    expect(story.answer(phone)).toMatchObject({ ok: true, state: 'granted' });
    const late = new Story().ring();
    late.now += RING_MS + LATE_GRACE_MS + 1;
    expect(late.answer(phone)).toMatchObject({ ok: false, reason: 'too-late' });
    expect(late.call).toMatchObject({ state: 'ended', reason: 'unreachable' });
  });

  it('is unreachable when no device acknowledged, no-answer when one did', () => {
    const story = new Story().ring();
    story.due('ring', RING_MS + LATE_GRACE_MS);
    expect(story.call?.reason).toBe('unreachable');
    expect(story.legs()).toEqual({ p: 'expired', l: 'expired', t: 'expired' });
    const heard = new Story().ring();
    heard.command({ type: 'delivered', party: tablet });
    heard.due('ring', RING_MS + LATE_GRACE_MS);
    expect(heard.call?.reason).toBe('no-answer');
  });

  it('is unreachable at once when every mailbox refuses', () => {
    const story = new Story();
    story.verb(caller, invite);
    story.command({ type: 'policy', attempt: 0, answer: RING });
    for (const { device, message } of legs) {
      story.command({ type: 'mailed', party: { account: 'a-callee', device }, message, outcome: 'refused' });
    }
    expect(story.call).toMatchObject({ state: 'ended', reason: 'unreachable' });
  });

  it('a caller that is not heard for its lease has cancelled; alive keeps it', () => {
    const story = new Story().ring();
    story.now += CALLER_LEASE_MS - 1;
    story.verb(caller, { verb: 'alive' });
    story.due('lease', 1);
    expect(story.call?.state).toBe('ringing');
    story.due('lease', CALLER_LEASE_MS);
    expect(story.call).toMatchObject({ state: 'ended', reason: 'cancelled', detail: 'caller-lost' });
  });

  it('a lease that ended while the server was down runs once more: nobody could renew it', () => {
    const ringing = new Story().ring();
    ringing.due('lease', CALLER_LEASE_MS + LEASE_SLACK_MS + 1);
    expect(ringing.call?.state).toBe('ringing');
    ringing.due('lease', CALLER_LEASE_MS);
    expect(ringing.call).toMatchObject({ state: 'ended', reason: 'cancelled', detail: 'caller-lost' });

    const talking = new Story().ring();
    talking.answer(phone);
    talking.command({ type: 'attached', party: phone });
    talking.verb(phone, { verb: 'confirm' });
    talking.command({ type: 'detached', party: phone });
    talking.due('lease:p', IN_CALL_LEASE_MS + LEASE_SLACK_MS + 1);
    expect(talking.call?.state).toBe('connected');
    talking.due('lease:p', IN_CALL_LEASE_MS);
    expect(talking.call).toMatchObject({ state: 'ended', reason: 'failed', detail: 'lost' });
  });

  it('fails when nobody confirms in time, and does not ring the others again', () => {
    const story = new Story().ring();
    story.answer(phone);
    story.due('connect', CONNECT_MS);
    expect(story.call).toMatchObject({ state: 'ended', reason: 'failed', detail: 'connect' });
    expect(story.told()).toEqual(['cc ended', 'p ended']);
  });

  it('a device that gave up waiting for its peer fails the call that nobody confirmed, and no other', () => {
    const waiting = new Story().ring();
    waiting.answer(phone);
    waiting.verb(caller, { verb: 'hangup', detail: 'connect' } as Verb);
    expect(waiting.call).toMatchObject({ state: 'ended', reason: 'failed', detail: 'connect', by: 'cc' });
    expect(waiting.history().map(({ outcome }) => outcome)).toEqual(['failed', 'failed']);
    const talking = new Story().ring();
    talking.answer(phone);
    talking.verb(phone, { verb: 'confirm' });
    talking.verb(caller, { verb: 'hangup', detail: 'connect' } as Verb);
    expect(talking.call).toMatchObject({ state: 'ended', reason: 'completed', detail: null });
  });

  it('waits a lease longer for a confirmation that the loss of a socket or of the server itself holds up, once', () => {
    const lost = new Story().ring();
    lost.answer(phone);
    for (const party of [caller, phone]) lost.command({ type: 'attached', party });
    lost.command({ type: 'detached', party: phone });
    lost.due('connect', CONNECT_MS);
    expect(lost.call?.state).toBe('granted');
    expect(lost.effects).toEqual([{ type: 'deadline', key: 'connect', at: lost.now + IN_CALL_LEASE_MS }]);
    expect(lost.verb(phone, { verb: 'confirm' })).toMatchObject({ ok: true, state: 'connected' });

    const late = new Story().ring();
    late.answer(phone);
    for (const party of [caller, phone]) late.command({ type: 'attached', party });
    late.due('connect', CONNECT_MS);
    expect(late.verb(phone, { verb: 'confirm' })).toMatchObject({ ok: true, state: 'connected' });

    const unwatched = new Story().ring();
    unwatched.answer(phone);
    unwatched.due('connect', CONNECT_MS + LEASE_SLACK_MS + 1);
    expect(unwatched.call?.state).toBe('granted');
    unwatched.due('connect', IN_CALL_LEASE_MS + LEASE_SLACK_MS + 1);
    expect(unwatched.call).toMatchObject({ state: 'ended', reason: 'failed', detail: 'connect' });
  });

  it('a glare that is granted to a device waits no longer for its answer because somebody is lost', () => {
    const story = new Story().ring();
    story.command({
      type: 'call',
      mail: { type: 'merge', from: LOWER, party: phone, callee: 'b-caller', media: ['audio'] },
    });
    expect(story.call?.state).toBe('granted');
    story.command({ type: 'attached', party: caller });
    story.command({ type: 'detached', party: caller });
    story.due('connect', GRANT_WAIT_MS);
    expect(story.call).toMatchObject({ state: 'ended', reason: 'failed' });
  });

  it('survives the loss of a socket for the lease, and ends after it', () => {
    const story = new Story().ring();
    story.answer(phone);
    story.command({ type: 'attached', party: caller });
    story.command({ type: 'attached', party: phone });
    story.verb(phone, { verb: 'confirm' });
    story.command({ type: 'detached', party: phone });
    expect(story.told()).toEqual(['~cc peer-lost']);
    story.now += IN_CALL_LEASE_MS - 1;
    story.command({ type: 'attached', party: phone });
    expect(story.told()).toEqual(['~cc peer-back']);
    story.due('lease:p', 1);
    expect(story.call?.state).toBe('connected');
    story.command({ type: 'detached', party: phone });
    story.due('lease:p', IN_CALL_LEASE_MS);
    expect(story.call).toMatchObject({ state: 'ended', reason: 'failed', detail: 'lost', by: 'p' });
    expect(story.history()[0]).toMatchObject({ outcome: 'answered' });
  });
});

describe('a call-plane socket that falls silent', () => {
  const talking = () => {
    const story = new Story().ring();
    story.answer(phone);
    for (const party of [caller, phone]) story.command({ type: 'attached', party });
    story.verb(phone, { verb: 'confirm' });
    return story;
  };
  const deadlines = ({ effects }: Story) =>
    Object.fromEntries(effects.flatMap((one) => (one.type === 'deadline' ? [[one.key, one.at]] : [])));

  it('is closed and its peer told; the lease counts from when it was heard, and the call ends after it', () => {
    const story = talking();
    const heard = story.now;
    story.now += PLANE_SILENCE_MS;
    story.command({ type: 'heard', at: { cc: story.now - 5_000, p: heard } });
    expect(story.effects).toContainEqual({ type: 'close-socket', to: phone, silent: true });
    expect(story.told()).toEqual(['~cc peer-lost']);
    expect(deadlines(story)).toEqual({
      'lease:p': heard + IN_CALL_LEASE_MS,
      plane: story.now - 5_000 + PLANE_SILENCE_MS,
    });
    story.command({ type: 'detached', party: phone });
    expect(story.effects).toEqual([]);
    story.due('lease:p', IN_CALL_LEASE_MS - PLANE_SILENCE_MS);
    expect(story.call).toMatchObject({ state: 'ended', reason: 'failed', detail: 'lost', by: 'p' });
    expect(story.history().map(({ outcome }) => outcome)).toEqual(['answered', 'answered']);
    expect(deadlines(story)).toMatchObject({ plane: null, 'lease:p': null, 'lease:cc': null });
  });

  it('comes back with another one, and its peer is told', () => {
    const story = talking();
    const heard = story.now;
    story.now += PLANE_SILENCE_MS;
    story.command({ type: 'heard', at: { cc: story.now, p: heard } });
    story.now += IN_CALL_LEASE_MS - PLANE_SILENCE_MS - 1;
    story.command({ type: 'attached', party: phone });
    expect(story.told()).toEqual(['~cc peer-back']);
    story.due('lease:p', 1);
    expect(story.call?.state).toBe('connected');
  });

  it('that was not looked at in time has its whole lease, and so has one that nobody knows of', () => {
    const late = talking();
    late.now += PLANE_SILENCE_MS + LEASE_SLACK_MS + 1;
    late.command({ type: 'heard', at: { cc: late.now, p: late.now - PLANE_SILENCE_MS - LEASE_SLACK_MS - 1 } });
    expect(deadlines(late)).toMatchObject({ 'lease:p': late.now + IN_CALL_LEASE_MS });
    const gone = talking();
    gone.command({ type: 'heard', at: { cc: gone.now } });
    expect(deadlines(gone)).toMatchObject({ 'lease:p': gone.now + IN_CALL_LEASE_MS });
  });

  it('who is heard stays, and who is not leaves, whenever keep-alives come: one look per silence for all', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(IN_CALL_ALIVE_MS), { minLength: 30, maxLength: 30 }), fc.nat(25), (pauses, stops) => {
        const story = talking();
        const begun = story.now;
        const pings = pauses.map((_, n) => begun + pauses.slice(0, n + 1).reduce((sum, ms) => sum + ms, 0));
        const lastOf = (times: readonly number[]) => times.findLast((at) => at <= story.now) ?? begun;
        const end = pings.at(-1)!;
        const silentSince = stops === 0 ? begun : pings[stops - 1]!;
        let next: number | null | undefined = begun + PLANE_SILENCE_MS;
        let looks = 0;
        let outAt: number | null = null;
        for (; outAt === null && typeof next === 'number' && next <= end; looks++) {
          story.now = next;
          story.command({ type: 'heard', at: { cc: lastOf(pings), p: lastOf(pings.slice(0, stops)) } });
          if (story.call?.talkers.some((one) => one.device === 'p' && !one.socket)) outAt = story.now;
          expect(story.call?.talkers.find((one) => one.device === 'cc')).toMatchObject({ socket: true, lost: false });
          ({ plane: next } = deadlines(story));
        }
        expect(looks).toBeLessThanOrEqual((end - begun) / (PLANE_SILENCE_MS - IN_CALL_ALIVE_MS) + 1);
        const silentAt = silentSince + PLANE_SILENCE_MS;
        expect(outAt).toBe(silentAt <= end ? silentAt : null);
      }),
    );
  });

  it('of a member of a group is its leave: it is dropped, and the others go on', () => {
    const story = talking();
    story.verb(caller, { verb: 'found', join: 'j', admit: 'a' } as Verb);
    story.verb(phone, { verb: 'join', proof: 'j' } as Verb);
    const third = { account: 'a-third', device: 'x' };
    story.call = {
      ...story.call!,
      talkers: [...story.call!.talkers, { ...third, socket: true, lost: false, leaseUntil: null }],
    };
    story.now += PLANE_SILENCE_MS;
    story.command({ type: 'heard', at: { cc: story.now, x: story.now, p: story.now - PLANE_SILENCE_MS } });
    expect(story.told()).toEqual(['~cc peer-lost', '~x peer-lost']);
    story.due('lease:p', IN_CALL_LEASE_MS - PLANE_SILENCE_MS);
    expect(story.call).toMatchObject({ state: 'connected', group: { dropped: [{ device: 'p' }] } });
    expect(story.call?.talkers.map(({ device }) => device)).toEqual(['cc', 'x']);
  });
});

describe('glare', () => {
  it('the loser ends first, merges, and tells its caller where the call went', () => {
    const story = new Story();
    story.verb(caller, invite);
    story.command({
      type: 'policy',
      attempt: 0,
      answer: { verdict: 'ring', lock: { lock: 'glare', survivor: LOWER, other: LOWER } },
    });
    expect(story.call).toMatchObject({ state: 'ended', reason: 'glare-merged', into: LOWER });
    expect(story.told()).toEqual([]);
    expect(story.effects).toContainEqual(
      expect.objectContaining({
        type: 'call',
        to: LOWER,
        mail: expect.objectContaining({ type: 'merge', party: caller }),
      }),
    );
    story.command({ type: 'call', mail: { type: 'merge-outcome', from: LOWER, outcome: 'gone' } });
    expect(story.effects).toContainEqual(
      expect.objectContaining({
        envelope: expect.objectContaining({ body: expect.objectContaining({ type: 'ended', redial: true }) }),
      }),
    );
    expect(story.history()).toEqual([]);
  });

  it('the survivor is granted to the device that placed the loser, in the poorer media; its answer follows', () => {
    const story = new Story().ring();
    const merge: CallMail = {
      type: 'merge',
      from: '9'.repeat(32),
      party: laptop,
      callee: 'b-caller',
      media: ['audio'],
    };
    story.command({ type: 'call', mail: merge });
    expect(story.told()).toEqual(['l grant', 'p elsewhere', 't elsewhere']);
    expect(story.legs()).toEqual({ p: 'elsewhere', l: 'answering', t: 'elsewhere' });
    expect(story.call).toMatchObject({ state: 'granted', media: ['audio'], winner: 'l' });
    expect(story.verb(caller, { verb: 'confirm' })).toMatchObject({ reason: 'wrong-state' });
    expect(story.answer(laptop)).toMatchObject({ ok: true, granted: {} });
    expect(story.told()).toEqual(['cc accepted']);
    expect(story.verb(caller, { verb: 'confirm' })).toMatchObject({ ok: true, state: 'connected' });
  });

  it('a merge that no sealed answer follows ends with the ring, not twenty seconds later', () => {
    const story = new Story().ring();
    const merge: CallMail = {
      type: 'merge',
      from: '9'.repeat(32),
      party: laptop,
      callee: 'b-caller',
      media: ['audio'],
    };
    story.command({ type: 'call', mail: merge });
    story.due('connect', GRANT_WAIT_MS);
    expect(story.call).toMatchObject({ state: 'ended', reason: 'failed' });
    expect(story.legs().l).toBe('failed');
  });

  it('a merge that names other accounts is nothing', () => {
    const story = new Story().ring();
    const { call } = story;
    story.command({
      type: 'call',
      mail: { type: 'merge', from: LOWER, party: caller, callee: 'b-caller', media: ['audio'] },
    });
    story.command({
      type: 'call',
      mail: { type: 'merge', from: LOWER, party: laptop, callee: 'somebody', media: ['audio'] },
    });
    story.command({ type: 'glare', account: 'b-caller', survivor: LOWER });
    expect(story.call).toBe(call);
  });

  it('a call that was answered before it heard of the glare stands, and the other one ends', () => {
    const story = new Story().ring();
    story.answer(phone);
    story.command({ type: 'glare', account: 'a-callee', survivor: LOWER });
    expect(story.call?.state).toBe('granted');
    expect(story.effects).toEqual([expect.objectContaining({ to: LOWER, mail: { type: 'standing', from: ID } })]);
    const other = new Story().ring();
    other.command({ type: 'call', mail: { type: 'standing', from: LOWER } });
    expect(other.call).toMatchObject({ state: 'ended', reason: 'glare-merged', into: LOWER });
  });
});

describe('roles and repetition', () => {
  const verbs = [
    'ringing',
    'ignore',
    'busy',
    'failed',
    'cancel',
    'confirm',
    'hangup',
    'alive',
    'socket',
    'join',
    'leave',
  ] as const;

  it('a stranger hears that there is no such call, and changes nothing', () => {
    const story = new Story().ring();
    const { call } = story;
    for (const party of [
      { account: 'b-caller', device: 'p' },
      { account: 'a-callee', device: 'x' },
      { account: 'c', device: 'cc' },
    ]) {
      for (const verb of verbs)
        expect(story.verb(party, { verb })).toMatchObject({ ok: false, reason: 'unknown-call' });
      expect(story.answer(party)).toMatchObject({ ok: false, reason: 'unknown-call' });
    }
    expect(story.call).toBe(call);
    expect(
      decide(null, { type: 'verb', party: phone, verb: { verb: 'cancel', call: ID, attempt: 0 } }, 1),
    ).toMatchObject({ call: null, effects: [] });
  });

  it.each(['cancel', 'confirm', 'hangup', 'socket'] as const)('a ringing leg may not %s', (verb) => {
    const story = new Story().ring();
    const { call } = story;
    expect(story.verb(phone, { verb })).toMatchObject({ ok: false, reason: 'wrong-role' });
    expect(story.call).toBe(call);
  });

  it.each(['ringing', 'ignore', 'busy', 'failed', 'confirm', 'hangup'] as const)(
    'a ringing caller may not %s',
    (verb) => {
      const story = new Story().ring();
      expect(story.verb(caller, { verb })).toMatchObject({ ok: false, reason: 'wrong-role' });
      expect(story.answer(caller)).toMatchObject({ ok: false, reason: 'wrong-role' });
      expect(story.call?.state).toBe('ringing');
    },
  );

  it('a loser is no talker: it can neither confirm nor hang up nor signal', () => {
    const story = new Story().ring();
    story.answer(phone);
    for (const verb of ['confirm', 'hangup', 'signal'] as const) {
      expect(story.verb(laptop, { verb, message: 'f'.repeat(32), body: '' } as Verb)).toMatchObject({
        reason: 'wrong-role',
      });
    }
  });

  it('a repeated verb gets the same reply and changes nothing, also after the call went on', () => {
    const story = new Story().ring();
    const first = story.answer(phone);
    const denied = story.answer(laptop);
    story.verb(phone, { verb: 'hangup' });
    story.now += 5_000;
    const { call } = story;
    expect(story.answer(phone)).toEqual(first);
    expect(story.answer(laptop)).toEqual(denied);
    expect(story.effects).toEqual([]);
    expect(story.call).toBe(call);
  });
});

describe('coming back', () => {
  it('shows a device its own part, the winner only to who is concerned, and a stranger nothing', () => {
    const story = new Story().ring();
    story.answer(phone);
    const look = (party: Party) => view(story.call!, party, story.now);
    expect(look(laptop)).toMatchObject({
      state: 'granted',
      roles: ['leg'],
      leg: 'elsewhere',
      peer: 'b-caller',
      winner: 'p',
    });
    expect(look(phone)).toMatchObject({ roles: ['leg', 'talker'], leg: 'won' });
    expect(look(caller)).toMatchObject({ roles: ['caller', 'talker'], leg: null, peer: 'a-callee' });
    expect(look({ account: 'a-callee', device: 'x' })).toBeNull();
  });
});

describe('verbs on the wire', () => {
  it('carries media kinds of later versions and drops unknown fields', () => {
    const account = 'a'.repeat(52);
    const device = 'a'.repeat(26);
    const raw = {
      ...invite,
      to: account,
      media: ['hologram'],
      x: 1,
      legs: [{ ...legs[0], device, message: '0'.repeat(32), body: '' }],
    };
    const parsed = parseVerb(raw);
    expect(parsed).toMatchObject({ ok: true, verb: { media: ['hologram'] } });
    expect(parsed).not.toHaveProperty('verb.x');
  });

  it('answers unknown verbs as unknown, and refuses what `must` names', () => {
    const later = { verb: 'teleport', call: ID, attempt: 0 };
    expect(parseVerb(later)).toEqual({ ok: true, verb: { verb: 'unknown', call: ID, attempt: 0 } });
    expect(parseVerb({ ...later, must: ['teleport'] })).toEqual({ ok: false, reason: 'must-understand' });
    expect(parseVerb({ verb: 'ringing', call: ID, attempt: 0, must: ['x'] })).toEqual({
      ok: false,
      reason: 'must-understand',
    });
  });

  it.each([
    null,
    1,
    [],
    {},
    { verb: 'ringing' },
    { verb: 'ringing', call: 'AA', attempt: 0 },
    { verb: 'answer', call: ID, attempt: 0 },
  ])('refuses %j', (raw) => expect(parseVerb(raw)).toEqual({ ok: false, reason: 'malformed' }));
});
