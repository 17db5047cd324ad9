import {
  BAD_FRAMES_MAX,
  CLIENT_FRAME_MAX_LENGTH,
  CLOSE,
  CONTROL_RESERVE_BYTES,
  CONTROL_RESERVE_ROWS,
  ENVELOPE_BODY_MAX_LENGTH,
  ENVELOPE_MAX_LIFE_MS,
  MAILBOX_MAX_BYTES,
  MAILBOX_MAX_ROWS,
  MARKER_KEEP_MS,
  POISON_AFTER_MS,
  POISON_CONNECTIONS,
  PUSH_AFTER_MS,
  REVISION_KEEP_MS,
  SENDER_MAX_BYTES,
  SENDER_MAX_ROWS,
} from '../protocol/courier.ts';
import type { DeliverFrame } from '../protocol/courier.ts';
import type { Envelope, Push, PutReply } from '../protocol/envelope.ts';
import type { Load, Mailbox, MailboxCommand, MailboxDecision, MailboxEffect, Revision, Row } from './mailbox.ts';

/** One turn of the mailbox. Total: every command in every state gives a decision, and the same one again changes nothing. */
export function decide(mailbox: Mailbox, command: MailboxCommand, now: number): MailboxDecision {
  const turn = new Turn(mailbox, now);
  turn.sweep();
  const reply = turn.apply(command);
  return turn.decision(reply);
}

/** The frame of a row, with the body that was stored beside it. */
export function deliverFrame(row: Row, body: unknown, now: number): DeliverFrame {
  const { seq, id, topic, from } = row;
  return { type: 'deliver', seq, id, topic, from, sentAt: row.storedAt, expiresAt: row.expires, serverNow: now, body };
}

/** What waits, counted. */
export function loadOf(rows: Iterable<Row>): Load {
  let load: Load = { rows: 0, bytes: 0 };
  for (const row of rows) if (row.state === 'waiting') load = plus(load, row, 1);
  return load;
}

function plus({ rows, bytes }: Load, { size }: Row, sign: 1 | -1): Load {
  return { rows: rows + sign, bytes: bytes + sign * size };
}

/** When something is to be done about a row, ms. */
function dueAt({ state, expires, pushAt }: Row): number {
  if (state === 'expired' || state === 'poison') return expires + MARKER_KEEP_MS;
  return state === 'waiting' && pushAt !== null ? Math.min(expires, pushAt) : expires;
}

/** The draft of one turn; `rows` is ours to change, its elements are replaced and never written to. */
class Turn {
  readonly #mailbox: Mailbox;
  readonly #rows: Map<number, Row>;
  readonly #effects: MailboxEffect[] = [];
  readonly #now: number;
  readonly #revisions: Record<string, Revision>;
  #box: string;
  #nextSeq: number;
  #acked: number;
  #waiting: Load;
  #connection: Mailbox['connection'];

  constructor(mailbox: Mailbox, now: number) {
    this.#mailbox = mailbox;
    this.#now = now;
    this.#rows = new Map(mailbox.rows.map((row) => [row.seq, row]));
    this.#revisions = { ...mailbox.revisions };
    this.#box = mailbox.box;
    this.#nextSeq = mailbox.nextSeq;
    this.#acked = mailbox.acked;
    this.#waiting = mailbox.partial ? mailbox.waiting : loadOf(mailbox.rows);
    this.#connection = mailbox.connection;
  }

  decision(reply: PutReply | null): MailboxDecision {
    if (!this.#mailbox.partial) this.#effects.push({ type: 'deadline', at: this.#earliest() });
    const mailbox = {
      ...this.#mailbox,
      box: this.#box,
      nextSeq: this.#nextSeq,
      acked: this.#acked,
      waiting: this.#waiting,
      connection: this.#connection,
      rows: [...this.#rows.values()],
      revisions: this.#revisions,
    };
    return { mailbox, effects: this.#effects, reply };
  }

  apply(command: MailboxCommand): PutReply | null {
    switch (command.type) {
      case 'put':
        return this.#put(command.envelope);
      case 'open':
        this.#open(command);
        break;
      case 'ack':
        if (this.#isLive(command.connection)) this.#acknowledge(command.upTo);
        break;
      case 'bad-frame':
        this.#badFrame(command.connection, command.reason);
        break;
      case 'closed':
        if (this.#isLive(command.connection)) this.#disconnect();
        break;
      case 'due':
        this.#effects.push({ type: 'forget-done' });
        break;
    }
    return null;
  }

  /** Everything whose time has come, before anything else is decided. */
  sweep(): void {
    for (const row of this.#rows.values()) {
      if (row.state === 'done' && row.expires <= this.#now) {
        this.#delete(row.seq);
      } else if (row.state === 'waiting' && row.expires <= this.#now) {
        this.#update({ ...row, state: row.volatile ? 'done' : 'expired', pushAt: null }, false);
      } else if (row.state === 'waiting' && row.pushAt !== null && row.pushAt <= this.#now) {
        this.#push(row);
      } else if ((row.state === 'expired' || row.state === 'poison') && row.expires + MARKER_KEEP_MS <= this.#now) {
        this.#delete(row.seq);
      }
    }
    for (const [stream, { until }] of Object.entries(this.#revisions)) {
      if (until <= this.#now) delete this.#revisions[stream];
    }
  }

  #put(envelope: Envelope): PutReply {
    const repeat = this.#find((row) => row.id === envelope.id);
    const live = this.#connection !== null;
    if (repeat) return { ok: true, outcome: 'duplicate', seq: repeat.seq, live };
    if (envelope.expires <= this.#now) return { ok: false, reason: 'expired' };
    if (this.#isLate(envelope)) return { ok: true, outcome: 'late', seq: null, live };
    const size = JSON.stringify(envelope.body ?? null).length;
    if (size > ENVELOPE_BODY_MAX_LENGTH) return { ok: false, reason: 'envelope-too-large' };
    const collapsed = this.#collapsible(envelope);
    if (!this.#fits(envelope, size, collapsed)) {
      this.#effects.push({ type: 'event', event: 'mailbox.full', topic: envelope.topic });
      return { ok: false, reason: 'mailbox-full' };
    }
    for (const row of collapsed) this.#update({ ...row, state: 'done', pushAt: null }, false);
    return { ok: true, outcome: 'stored', seq: this.#store(envelope, size), live };
  }

  #isLate({ order }: Envelope): boolean {
    const known = order === null ? undefined : this.#revisions[order.stream];
    if (order === null || !known) return false;
    return order.rev === null ? !known.open : order.rev <= known.rev;
  }

  #collapsible(envelope: Envelope): Row[] {
    const { collapse, from, topic } = envelope;
    if (collapse === null) return [];
    return [...this.#rows.values()].filter(
      (row) => row.state === 'waiting' && row.collapse === collapse && row.from === from && row.topic === topic,
    );
  }

  #fits(envelope: Envelope, size: number, collapsed: readonly Row[]): boolean {
    const all = collapsed.reduce((load, row) => plus(load, row, -1), this.#waiting);
    const reserve = envelope.control
      ? { rows: CONTROL_RESERVE_ROWS, bytes: CONTROL_RESERVE_BYTES }
      : { rows: 0, bytes: 0 };
    if (all.rows + 1 > MAILBOX_MAX_ROWS + reserve.rows || all.bytes + size > MAILBOX_MAX_BYTES + reserve.bytes)
      return false;
    if (envelope.from === null || envelope.control) return true;
    const own = loadOf(
      [...this.#rows.values()].filter((row) => row.from === envelope.from && !collapsed.includes(row)),
    );
    return own.rows + 1 <= SENDER_MAX_ROWS && own.bytes + size <= SENDER_MAX_BYTES;
  }

  #store(envelope: Envelope, size: number): number {
    const { body: _body, order, ...kept } = envelope;
    const expires = Math.min(envelope.expires, this.#now + ENVELOPE_MAX_LIFE_MS);
    const seq = this.#nextSeq++;
    const connection = this.#connection;
    const urgent = envelope.priority === 'urgent' && envelope.push !== null;
    const pushAt = urgent && connection ? this.#now + PUSH_AFTER_MS : null;
    const row: Row = { ...kept, seq, state: 'waiting', expires, size, storedAt: this.#now, strikes: 0, pushAt };
    this.#set(row);
    this.#effects.push({ type: 'insert', row });
    const { partial } = this.#mailbox;
    if (partial && dueAt(row) < (partial.earliest ?? Infinity))
      this.#effects.push({ type: 'deadline', at: dueAt(row) });
    if (order?.rev)
      this.#seen(order.stream, { rev: order.rev, open: !order.last, until: this.#now + REVISION_KEEP_MS });
    if (connection) this.#effects.push({ type: 'deliver', connection: connection.id, seq });
    else if (urgent) this.#push(row);
    return seq;
  }

  #seen(stream: string, revision: Revision): void {
    this.#revisions[stream] = revision;
    this.#effects.push({ type: 'revision', stream, revision });
  }

  #open(hello: MailboxCommand & { type: 'open' }): void {
    this.#effects.push({ type: 'forget-done' });
    if (this.#connection && this.#connection.id !== hello.connection) {
      const displaced = this.#connection.id;
      this.#disconnect();
      this.#effects.push({
        type: 'close',
        connection: displaced,
        code: CLOSE.elsewhere,
        reason: 'connected elsewhere',
      });
    }
    if (hello.box === this.#box) {
      if (hello.lastSeq >= this.#nextSeq) this.#box = hello.freshBox;
      else this.#acknowledge(hello.lastSeq);
    }
    this.#connection = { id: hello.connection, openedAt: this.#now, badFrames: 0 };
    this.#replay(hello.connection, hello.nextNonce);
  }

  /** welcome, then rows and gaps by rising seq, then drained. */
  #replay(connection: string, nextNonce: string): void {
    const rows = [...this.#rows.values()].filter((row) => row.state !== 'done').sort((a, b) => a.seq - b.seq);
    const newestSeq = this.#nextSeq - 1;
    this.#effects.push({
      type: 'frame',
      connection,
      frame: {
        type: 'welcome',
        box: this.#box,
        oldestSeq: rows[0]?.seq ?? this.#nextSeq,
        newestSeq,
        serverNow: this.#now,
        nextNonce,
        limits: { frameLength: CLIENT_FRAME_MAX_LENGTH, bodyLength: ENVELOPE_BODY_MAX_LENGTH },
      },
    });
    for (const [place, row] of rows.entries()) {
      if (row.state === 'waiting') this.#effects.push({ type: 'deliver', connection, seq: row.seq });
      else if (rows[place + 1]?.state !== row.state) this.#gap(connection, rows, place);
    }
    this.#effects.push({ type: 'frame', connection, frame: { type: 'drained', seq: newestSeq, serverNow: this.#now } });
  }

  /** One gap for the run of rows of the same kind that ends at `place`. */
  #gap(connection: string, rows: readonly Row[], place: number): void {
    const last = rows[place]!;
    let first = place;
    while (rows[first - 1]?.state === last.state) first--;
    const cause = last.state === 'poison' ? 'poison' : 'expired';
    const frame = { type: 'gap', fromSeq: rows[first]!.seq, toSeq: last.seq, cause } as const;
    this.#effects.push({ type: 'frame', connection, frame });
  }

  /** Cumulative; what was never sent cannot be acknowledged, and an older number changes nothing. */
  #acknowledge(upTo: number): void {
    const limit = Math.min(upTo, this.#nextSeq - 1);
    if (limit <= this.#acked) return;
    this.#acked = limit;
    for (const row of this.#rows.values()) {
      if (row.seq > limit) continue;
      if (row.state === 'waiting') {
        this.#update({ ...row, state: 'done', pushAt: null }, false);
        if (row.receipt !== null) this.#effects.push({ type: 'receipt', to: row.receipt, id: row.id });
      } else if (row.state !== 'done') this.#delete(row.seq);
    }
  }

  #badFrame(connection: string, reason: 'bad-frame' | 'frame-too-large' | 'too-fast'): void {
    const live = this.#connection;
    if (live?.id !== connection) return;
    this.#effects.push({ type: 'frame', connection, frame: { type: 'error', reason } });
    this.#connection = { ...live, badFrames: live.badFrames + 1 };
    if (this.#connection.badFrames < BAD_FRAMES_MAX) return;
    const code = { 'bad-frame': CLOSE.badFrames, 'frame-too-large': CLOSE.frameTooLarge, 'too-fast': CLOSE.tooFast }[
      reason
    ];
    this.#disconnect();
    this.#effects.push({ type: 'close', connection, code, reason });
  }

  /** The connection is gone: judge its first unacknowledged row, and push what had only this connection to arrive by. */
  #disconnect(): void {
    const connection = this.#connection;
    if (!connection) return;
    this.#connection = null;
    const waiting = [...this.#rows.values()].filter((row) => row.state === 'waiting');
    const first = waiting.reduce<Row | null>((least, row) => (least && least.seq < row.seq ? least : row), null);
    for (const row of waiting) if (row.pushAt !== null) this.#push(row);
    if (first) this.#strike(this.#rows.get(first.seq) ?? first, connection.openedAt);
  }

  #strike(row: Row, openedAt: number): void {
    if (this.#now - Math.max(openedAt, row.storedAt) <= POISON_AFTER_MS) return;
    const strikes = row.strikes + 1;
    if (strikes < POISON_CONNECTIONS) return this.#update({ ...row, strikes }, true);
    this.#update({ ...row, strikes, state: 'poison', pushAt: null }, false);
    this.#effects.push({ type: 'event', event: 'mailbox.poison', topic: row.topic });
  }

  #push(row: Row): void {
    if (row.push === null) return;
    const push: Push = row.push;
    if (row.pushAt !== null) this.#update({ ...row, pushAt: null }, true);
    this.#effects.push({ type: 'push', seq: row.seq, push, until: row.expires });
  }

  #isLive(connection: string): boolean {
    return this.#connection?.id === connection;
  }

  #find(match: (row: Row) => boolean): Row | null {
    for (const row of this.#rows.values()) if (match(row)) return row;
    return null;
  }

  #update(row: Row, body: boolean): void {
    this.#set(row);
    this.#effects.push({ type: 'update', row, body });
  }

  /** What waits is counted as it comes and goes. */
  #set(row: Row): void {
    this.#count(this.#rows.get(row.seq), -1);
    this.#count(row, 1);
    this.#rows.set(row.seq, row);
  }

  #count(row: Row | undefined, sign: 1 | -1): void {
    if (row?.state === 'waiting') this.#waiting = plus(this.#waiting, row, sign);
  }

  #delete(seq: number): void {
    this.#count(this.#rows.get(seq), -1);
    this.#rows.delete(seq);
    this.#effects.push({ type: 'delete', seq });
  }

  #earliest(): number | null {
    let at: number | null = null;
    for (const row of this.#rows.values()) at = Math.min(at ?? Infinity, dueAt(row));
    return at;
  }
}
