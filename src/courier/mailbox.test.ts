import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BAD_FRAMES_MAX,
  CLOSE,
  MAILBOX_MAX_ROWS,
  MARKER_KEEP_MS,
  parseClientFrame,
  PUSH_AFTER_MS,
  SENDER_MAX_ROWS,
} from '../protocol/courier.ts';
import type { Envelope } from '../protocol/envelope.ts';
import { decide, deliverFrame } from './decide.ts';
import { activeStreams, emptyMailbox } from './mailbox.ts';
import type { Mailbox, MailboxCommand, MailboxDecision, MailboxEffect } from './mailbox.ts';
import { emptyInbox, receive } from './receive.ts';
import type { Inbox } from './receive.ts';

const BOX = 'A'.repeat(22);
const FRESH = 'B'.repeat(22);

function envelope(id: string, change: Partial<Envelope> = {}): Envelope {
  return {
    id,
    topic: 'call',
    from: 'alice',
    collapse: null,
    expires: 100_000,
    priority: 'normal',
    control: false,
    volatile: false,
    receipt: null,
    order: null,
    push: null,
    body: { id },
    ...change,
  };
}

const push = { call: 'c', deadline: 45_000, media: ['audio'], from: 'alice' };
const put = (id: string, change: Partial<Envelope> = {}): MailboxCommand => ({
  type: 'put',
  envelope: envelope(id, change),
});
const open = (connection: string, lastSeq = 0, box: string | null = BOX): MailboxCommand => ({
  type: 'open',
  connection,
  box,
  lastSeq,
  nextNonce: 'n',
  freshBox: FRESH,
});

function run(mailbox: Mailbox, steps: readonly (readonly [MailboxCommand, number])[]): MailboxDecision {
  let decision: MailboxDecision = { mailbox, effects: [], reply: null };
  for (const [command, now] of steps) decision = decide(decision.mailbox, command, now);
  return decision;
}

/** What went to one connection, in words. */
function sent(effects: readonly MailboxEffect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.type === 'deliver') return [`deliver ${effect.seq}`];
    if (effect.type === 'close') return [`close ${effect.code}`];
    if (effect.type !== 'frame') return [];
    const { frame } = effect;
    return frame.type === 'gap' ? [`gap ${frame.fromSeq}-${frame.toSeq} ${frame.cause}`] : [frame.type];
  });
}

const of = (effects: readonly MailboxEffect[], type: MailboxEffect['type']) => effects.filter((e) => e.type === type);

describe('mailbox', () => {
  it('answers a repeated id with duplicate and its first seq until it expires, also after the acknowledgement', () => {
    const box = emptyMailbox(BOX);
    const again = run(box, [
      [put('a'), 0],
      [put('a'), 1],
    ]);
    expect(again.reply).toEqual({ ok: true, outcome: 'duplicate', seq: 1, live: false });
    const acked = run(again.mailbox, [
      [open('s'), 2],
      [{ type: 'ack', connection: 's', upTo: 1 }, 3],
      [put('a'), 4],
    ]);
    expect(acked.reply).toMatchObject({ outcome: 'duplicate', seq: 1 });
    expect(run(acked.mailbox, [[put('a', { expires: 300_000 }), 100_000]]).reply).toMatchObject({ outcome: 'stored' });
  });

  it('replays what waits in order between welcome and drained', () => {
    const opened = run(emptyMailbox(BOX), [
      [put('a'), 0],
      [put('b'), 1],
      [put('c'), 2],
      [open('s', 1), 3],
    ]);
    expect(sent(opened.effects)).toEqual(['welcome', 'deliver 2', 'deliver 3', 'drained']);
  });

  it('collapses only rows of the same sender, topic and key that still wait', () => {
    const key = { collapse: 'k' };
    const decision = run(emptyMailbox(BOX), [
      [put('a', key), 0],
      [put('b', { ...key, from: 'bob' }), 0],
      [put('c', { ...key, topic: 'signal' }), 0],
      [put('d'), 0],
      [put('e', key), 0],
      [open('s'), 1],
    ]);
    expect(sent(decision.effects)).toEqual(['welcome', 'deliver 2', 'deliver 3', 'deliver 4', 'deliver 5', 'drained']);
    expect(run(decision.mailbox, [[put('a', key), 2]]).reply).toMatchObject({ outcome: 'duplicate', seq: 1 });
  });

  it('refuses what does not fit and keeps what it acknowledged', () => {
    let mailbox = emptyMailbox(BOX);
    for (let i = 0; i < SENDER_MAX_ROWS; i++) mailbox = decide(mailbox, put(`a${i}`), 0).mailbox;
    expect(decide(mailbox, put('more'), 0).reply).toEqual({ ok: false, reason: 'mailbox-full' });
    expect(decide(mailbox, put('control', { control: true }), 0).reply).toMatchObject({ ok: true });
    for (let i = SENDER_MAX_ROWS; i < MAILBOX_MAX_ROWS; i++) {
      mailbox = decide(mailbox, put(`b${i}`, { from: `s${i}` }), 0).mailbox;
    }
    const full = decide(mailbox, put('x', { from: null }), 0);
    expect(full.reply).toEqual({ ok: false, reason: 'mailbox-full' });
    expect(full.mailbox.rows.filter((row) => row.state === 'waiting')).toHaveLength(MAILBOX_MAX_ROWS);
    expect(decide(mailbox, put('y', { control: true }), 0).reply).toMatchObject({ ok: true });
    expect(decide(mailbox, put('z', { body: 'x'.repeat(40_000) }), 0).reply).toEqual({
      ok: false,
      reason: 'envelope-too-large',
    });
  });

  it('counts bytes per sender', () => {
    let mailbox = emptyMailbox(BOX);
    const body = 'x'.repeat(30_000);
    let stored = 0;
    for (let i = 0; i < 20; i++) {
      const decision = decide(mailbox, put(`a${i}`, { body }), 0);
      if (decision.reply?.ok) stored++;
      ({ mailbox } = decision);
    }
    expect(stored).toBe(Math.floor(262_144 / 30_002));
  });

  it('tells of expired rows as one gap that the acknowledgement clears, and of volatile ones not at all', () => {
    const decision = run(emptyMailbox(BOX), [
      [put('a', { expires: 10 }), 0],
      [put('b', { expires: 10 }), 0],
      [put('v', { expires: 10, volatile: true }), 0],
      [put('c'), 0],
      [open('s'), 20],
    ]);
    expect(sent(decision.effects)).toEqual(['welcome', 'gap 1-2 expired', 'deliver 4', 'drained']);
    const acked = run(decision.mailbox, [
      [{ type: 'ack', connection: 's', upTo: 4 }, 21],
      [open('t', 4), 22],
    ]);
    expect(sent(acked.effects)).toEqual(['close 4409', 'welcome', 'drained']);
    expect(
      run(decision.mailbox, [[{ type: 'due' }, 20 + MARKER_KEEP_MS]]).mailbox.rows.filter((row) => row.seq < 3),
    ).toEqual([]);
  });

  it('sets a row aside that stayed first unacknowledged for over 20 s in five connections, and no other', () => {
    let mailbox = run(emptyMailbox(BOX), [
      [put('bad'), 0],
      [put('good', { expires: 900_000 }), 0],
    ]).mailbox;
    mailbox = { ...mailbox, rows: mailbox.rows.map((row) => ({ ...row, expires: 900_000 })) };
    let now = 0;
    const live = (ms: number): MailboxDecision => {
      mailbox = decide(mailbox, open(`s${now}`), now).mailbox;
      const closed = decide(mailbox, { type: 'closed', connection: `s${now}` }, now + ms);
      now += ms + 1;
      return closed;
    };
    for (let i = 0; i < 10; i++) ({ mailbox } = live(20_000));
    for (let i = 0; i < 4; i++) ({ mailbox } = live(20_001));
    expect(mailbox.rows.map((row) => row.state)).toEqual(['waiting', 'waiting']);
    const fifth = live(20_001);
    expect(fifth.mailbox.rows.map((row) => row.state)).toEqual(['poison', 'waiting']);
    expect(of(fifth.effects, 'event')).toEqual([{ type: 'event', event: 'mailbox.poison', topic: 'call' }]);
    expect(sent(decide(fifth.mailbox, open('z'), now).effects)).toEqual([
      'welcome',
      'gap 1-1 poison',
      'deliver 2',
      'drained',
    ]);
  });

  it('gives a client that knows more than the mailbox a new box and everything again', () => {
    const decision = run(emptyMailbox(BOX), [
      [put('a'), 0],
      [open('s', 7), 1],
    ]);
    expect(decision.mailbox.box).toBe(FRESH);
    expect(sent(decision.effects)).toEqual(['welcome', 'deliver 1', 'drained']);
    const foreign = run(emptyMailbox(BOX), [
      [put('a'), 0],
      [open('s', 1, 'C'.repeat(22)), 1],
    ]);
    expect(sent(foreign.effects)).toEqual(['welcome', 'deliver 1', 'drained']);
  });

  it('lets the newest connection win; acknowledgements and closings of the old one change nothing', () => {
    const two = run(emptyMailbox(BOX), [
      [put('a'), 0],
      [open('old'), 1],
      [open('new'), 2],
    ]);
    expect(sent(two.effects)).toEqual(['close 4409', 'welcome', 'deliver 1', 'drained']);
    const late = run(two.mailbox, [
      [{ type: 'ack', connection: 'old', upTo: 1 }, 3],
      [{ type: 'closed', connection: 'old' }, 4],
    ]);
    expect(late.mailbox).toEqual(two.mailbox);
  });

  it('pushes an urgent row at once without a connection, after 700 ms without an acknowledgement, and once', () => {
    const urgent = { priority: 'urgent', push } as const;
    const offline = decide(emptyMailbox(BOX), put('a', urgent), 0);
    expect(of(offline.effects, 'push')).toHaveLength(1);
    const online = run(emptyMailbox(BOX), [
      [open('s'), 0],
      [put('a', urgent), 10],
    ]);
    expect(of(online.effects, 'push')).toHaveLength(0);
    expect(of(online.effects, 'deadline')).toEqual([{ type: 'deadline', at: 10 + PUSH_AFTER_MS }]);
    const slow = decide(online.mailbox, { type: 'due' }, 10 + PUSH_AFTER_MS);
    expect(of(slow.effects, 'push')).toHaveLength(1);
    expect(of(decide(slow.mailbox, { type: 'closed', connection: 's' }, 9_000).effects, 'push')).toHaveLength(0);
    expect(of(decide(online.mailbox, { type: 'closed', connection: 's' }, 20).effects, 'push')).toHaveLength(1);
    const quick = run(online.mailbox, [
      [{ type: 'ack', connection: 's', upTo: 1 }, 20],
      [{ type: 'due' }, 5_000],
    ]);
    expect(of(quick.effects, 'push')).toHaveLength(0);
  });

  it('drops a revision that is not newer, so that a slow invitation cannot ring after its cancel', () => {
    const order = (rev: number | null, last = false) => ({ order: { stream: 'call', rev, last } });
    const ended = run(emptyMailbox(BOX), [
      [put('grant', order(2)), 0],
      [put('signal', order(null)), 0],
    ]);
    expect(activeStreams(ended.mailbox.revisions)).toEqual(['call']);
    const late = run(ended.mailbox, [
      [put('cancel', order(3, true)), 0],
      [put('invite', order(1)), 1],
    ]);
    expect(late.reply).toEqual({ ok: true, outcome: 'late', seq: null, live: false });
    expect(decide(late.mailbox, put('signal 2', order(null)), 2).reply).toMatchObject({ outcome: 'late' });
    expect(late.mailbox.rows.map((row) => row.id)).toEqual(['grant', 'signal', 'cancel']);
    expect(activeStreams(late.mailbox.revisions)).toEqual([]);
    expect(activeStreams(decide(late.mailbox, put('again', order(4)), 3).mailbox.revisions)).toEqual(['call']);
  });

  it('decides an acknowledgement by the rows it reaches alone as by all of them, and leaves the deadline as it is', () => {
    const puts = ['a', 'b', 'c', 'd', 'e'].map((id, n) => {
      const change = {
        receipt: id,
        expires: id === 'b' ? 50 : 100_000 + n,
        ...(id === 'd' && { priority: 'urgent' as const, push }),
      };
      return [put(id, change), n] as const;
    });
    const { mailbox } = run(emptyMailbox(BOX), [...puts, [open('s'), 10]]);
    for (let upTo = 0; upTo <= 6; upTo++) {
      const ack: MailboxCommand = { type: 'ack', connection: 's', upTo };
      const part = { ...mailbox, partial: { earliest: 50 }, rows: mailbox.rows.filter(({ seq }) => seq <= upTo) };
      const [whole, partial] = [decide(mailbox, ack, 60), decide(part, ack, 60)];
      const reached = whole.effects.filter(
        (effect) => effect.type !== 'deadline' && !('row' in effect && effect.row.seq > upTo),
      );
      expect(partial.effects).toEqual(reached);
      expect(partial.mailbox.acked).toBe(whole.mailbox.acked);
      const after = decide(whole.mailbox, { type: 'due' }, 60);
      expect(of(after.effects, 'deadline')).toEqual(of(whole.effects, 'deadline'));
    }
  });

  it('tells the sender of an acknowledged row once', () => {
    const opened = run(emptyMailbox(BOX), [
      [put('a', { receipt: 'call' }), 0],
      [open('s'), 1],
    ]);
    const acked = decide(opened.mailbox, { type: 'ack', connection: 's', upTo: 1 }, 2);
    expect(of(acked.effects, 'receipt')).toEqual([{ type: 'receipt', to: 'call', id: 'a' }]);
    expect(of(decide(acked.mailbox, { type: 'ack', connection: 's', upTo: 1 }, 3).effects, 'receipt')).toEqual([]);
  });

  it('answers bad frames and closes after eight', () => {
    let decision = run(emptyMailbox(BOX), [[open('s'), 0]]);
    for (let i = 0; i < BAD_FRAMES_MAX; i++) {
      decision = decide(decision.mailbox, { type: 'bad-frame', connection: 's', reason: 'bad-frame' }, 1);
    }
    expect(sent(decision.effects)).toEqual(['error', `close ${CLOSE.badFrames}`]);
    expect(decision.mailbox.connection).toBeNull();
  });

  it('shows the row and its body in deliver', () => {
    const { mailbox } = decide(emptyMailbox(BOX), put('a'), 5);
    expect(deliverFrame(mailbox.rows[0]!, { id: 'a' }, 9)).toEqual({
      type: 'deliver',
      seq: 1,
      id: 'a',
      topic: 'call',
      from: 'alice',
      sentAt: 5,
      expiresAt: 100_000,
      serverNow: 9,
      body: { id: 'a' },
    });
  });
});

describe('client frames', () => {
  it.each(['', 'null', '[]', '{"type":1}', '{"type":"ack"}', '{"type":"ack","upTo":-1}', '{"type":"call","verb":{}}'])(
    'refuses %j',
    (text) => expect(parseClientFrame(text)).toEqual({ ok: false, reason: 'bad-frame' }),
  );

  it('ignores types of later versions and unknown fields', () => {
    expect(parseClientFrame('{"type":"later"}')).toEqual({ ok: true, frame: { type: 'unknown' } });
    expect(parseClientFrame('{"type":"ack","upTo":3,"x":1}')).toEqual({ ok: true, frame: { type: 'ack', upTo: 3 } });
  });
});

/** Server mailbox and client inbox over a wire that loses what is in flight when a connection ends. */
describe('delivery (G4)', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), id: fc.nat(30), ms: fc.nat(500) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), id: fc.nat(3), ms: fc.nat(500) }) },
    fc.record({ do: fc.constant('cut' as const), id: fc.nat(3), ms: fc.nat(500) }),
    fc.record({ do: fc.constant('connect' as const), id: fc.nat(3), ms: fc.nat(500) }),
    fc.record({ do: fc.constant('crash' as const), id: fc.nat(3), ms: fc.nat(500) }),
  );

  it('what was stored has its effect exactly once and in order, whatever is cut, repeated or forgotten', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new World();
        for (const { do: what, id, ms } of steps) world.step(what, id, ms);
        world.settle();
        expect(world.applied).toEqual(world.stored);
      }),
      { numRuns: 300 },
    );
  });

  class World {
    mailbox = emptyMailbox(BOX);
    inbox: Inbox = emptyInbox();
    durable: Inbox = emptyInbox();
    now = 0;
    connection = 0;
    online = false;
    down: MailboxEffect[] = [];
    up: number[] = [];
    readonly bodies = new Map<number, unknown>();
    readonly stored: string[] = [];
    readonly applied: string[] = [];

    step(what: 'put' | 'read' | 'cut' | 'connect' | 'crash', id: number, ms: number): void {
      this.now += ms;
      if (what === 'put') this.put(String(id));
      if (what === 'read') this.read(id + 1);
      if (what === 'cut' && this.online) this.cut();
      if (what === 'connect') this.connect();
      if (what === 'crash') {
        if (this.online) this.cut();
        this.inbox = { ...this.durable, drained: false };
      }
    }

    settle(): void {
      this.connect();
      this.read(1_000);
    }

    put(id: string): void {
      const decision = this.command({ type: 'put', envelope: envelope(id, { expires: 10_000_000 }) });
      if (decision.reply?.ok && decision.reply.outcome === 'stored') this.stored.push(id);
    }

    connect(): void {
      this.down = [];
      this.up = [];
      this.online = true;
      this.command(open(`s${++this.connection}`, this.inbox.upTo, this.inbox.box));
    }

    cut(): void {
      this.online = false;
      this.down = [];
      this.up = [];
      this.command({ type: 'closed', connection: `s${this.connection}` });
      this.input({ type: 'disconnected' });
    }

    read(count: number): void {
      for (let i = 0; i < count && this.online; i++) {
        const effect = this.down.shift();
        if (effect?.type === 'frame') this.input({ type: 'frame', frame: effect.frame });
        if (effect?.type === 'deliver') {
          const row = this.mailbox.rows.find(({ seq }) => seq === effect.seq);
          if (row) this.input({ type: 'frame', frame: deliverFrame(row, row.id, this.now) });
        }
        const upTo = this.up.shift();
        if (upTo !== undefined) this.command({ type: 'ack', connection: `s${this.connection}`, upTo });
      }
    }

    input(input: Parameters<typeof receive>[1]): void {
      const { inbox, effects } = receive(this.inbox, input, this.now);
      this.inbox = inbox;
      for (const effect of effects) {
        if (effect.type === 'ack') this.up.push(effect.upTo);
        if (effect.type !== 'handle') continue;
        this.applied.push(effect.envelope.id);
        const done = receive(this.inbox, { type: 'done', envelope: effect.envelope }, this.now);
        this.inbox = done.inbox;
        this.durable = done.inbox;
        for (const { upTo } of done.effects.filter((e) => e.type === 'ack')) this.up.push(upTo);
      }
    }

    command(command: MailboxCommand): MailboxDecision {
      const decision = decide(this.mailbox, command, this.now);
      this.mailbox = decision.mailbox;
      for (const effect of decision.effects)
        if (effect.type === 'deliver' || effect.type === 'frame') this.down.push(effect);
      return decision;
    }
  }
});
