import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { takeTurn } from '../../src/actors/kernel/turn.ts';
import { migrate } from '../../src/actors/kernel/schema.ts';
import { obeyMailbox } from '../../src/actors/device/box.ts';
import { deviceSchema, deviceTables } from '../../src/actors/device/schema.ts';
import type { Self } from '../../src/actors/device/self.ts';
import type { Actor, Json } from '../../src/actors/port.ts';
import { decide } from '../../src/courier/decide.ts';
import { emptyMailbox, type Mailbox, type MailboxCommand } from '../../src/courier/mailbox.ts';
import { MemoryStore } from '../../src/hosts/simulator/memory-store.ts';
import { WatchedMemory } from '../../src/hosts/simulator/watched-memory.ts';
import { MAILBOX_MAX_ROWS, SENDER_MAX_ROWS } from '../../src/protocol/courier.ts';
import type { Envelope } from '../../src/protocol/envelope.ts';

const self = { kind: 'device', name: 'd' };
const DEVICE: Self = { account: 'a', device: 'd', key: '', pushTokenHash: '', revokedAt: null, notAfter: null };

/** The mailbox of a device and nothing else of it: what a command is answered. */
const box: Actor = {
  kind: 'device',
  tables: deviceTables,
  schema: deviceSchema,
  admit: (arrival) => arrival.body,
  turn: (t, event) => (event.type === 'command' ? obeyMailbox(t, DEVICE, event.body as MailboxCommand) : null),
};

let store: MemoryStore;
let memory: WatchedMemory;
beforeEach(anew);

function anew(): void {
  store = new MemoryStore();
  memory = new WatchedMemory();
  migrate(store, box);
}

function obey(command: MailboxCommand, now: number): Json {
  const trigger = { type: 'command', from: null, key: 'k', body: command } as const;
  const ground = { store, actor: box, self, now, live: new Map(), memory, ready: true };
  return takeTurn({ ...ground, random: (n) => new Uint8Array(n) }, trigger).answer;
}

const one = <R>(sql: string) => store.all<R>(sql, [])[0]!;
const counted = () => one(`SELECT waiting_rows AS rows, waiting_bytes AS bytes FROM device_box`);
const summed = () =>
  one(
    `SELECT COUNT(*) AS rows, IFNULL(SUM(LENGTH(body)), 0) AS bytes FROM device_row WHERE state = 'waiting' AND body IS NOT NULL`,
  );
const due = () =>
  one<{ at: number | null }>(`SELECT MIN(MIN(expires, IFNULL(json_extract(row, '$.pushAt'), expires))) AS at
    FROM device_row WHERE state = 'waiting'`).at;
const alarm = () => one<{ at: number | null }>(`SELECT MIN(at) AS at FROM port_deadline`).at;

function put(id: string, change: Partial<Envelope> = {}): MailboxCommand {
  const nothing = { priority: 'normal', control: false, volatile: false, receipt: null, order: null } as const;
  const plain = { topic: 'call', from: 'alice', collapse: null, expires: 1_000_000, push: null, body: { id } };
  return { type: 'put', envelope: { id, ...plain, ...nothing, ...change } };
}

const open = (connection: string, lastSeq: number): MailboxCommand => {
  return { type: 'open', connection, box: 'AAAAAAAAAAAAAAAAAAAAAA', lastSeq, nextNonce: 'n', freshBox: 'B'.repeat(22) };
};

describe('a mailbox in rows', () => {
  const small = fc.nat(4);
  const command = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('put' as const),
        n: fc.nat(400),
        from: small,
        collapse: fc.option(small),
        life: fc.nat(3_000),
        urgent: fc.boolean(),
        control: fc.boolean(),
      }),
    },
    fc.record({ do: fc.constant('open' as const), n: fc.nat(60) }),
    fc.record({ do: fc.constant('ack' as const), n: fc.nat(400) }),
    fc.record({ do: fc.constant('closed' as const), n: fc.constant(0) }),
    fc.record({ do: fc.constant('due' as const), n: fc.constant(0) }),
  );
  type Step = typeof command extends fc.Arbitrary<infer T> ? T : never;

  function asCommand(step: Step, place: number): MailboxCommand {
    if (step.do === 'open') return open(`s${place}`, step.n);
    if (step.do === 'ack') return { type: 'ack', connection: 's', upTo: step.n };
    if (step.do === 'closed') return { type: 'closed', connection: 's' };
    if (step.do === 'due') return { type: 'due' };
    const { n, from, collapse, life, urgent, control } = step;
    const push = urgent ? { call: 'c', deadline: 45_000, media: ['audio'], from: 'alice' } : null;
    const priority = urgent ? ('urgent' as const) : ('normal' as const);
    const words = { from: `p${from}`, collapse: collapse === null ? null : `c${collapse}`, body: 'x'.repeat(n) };
    return put(`e${n}`, { ...words, push, priority, control, expires: 10_000 + place * 20 + life });
  }

  it('answers as if it were loaded whole, counts what waits, and is never woken too late, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 40, maxLength: 120 }), (steps) => {
        anew();
        let whole: Mailbox = emptyMailbox('AAAAAAAAAAAAAAAAAAAAAA');
        let connection = 's';
        for (const [place, step] of steps.entries()) {
          const now = 10_000 + place * 20;
          const given = asCommand(step, place);
          if (given.type === 'open') ({ connection } = given);
          const meant = 'connection' in given ? { ...given, connection } : given;
          const decision = decide(whole, meant, now);
          whole = decision.mailbox;
          expect(obey(meant, now)).toEqual(decision.reply);
          expect(counted()).toEqual(summed());
          // An acknowledgment reads what it acknowledges: what expired behind it goes with the next command or the alarm.
          expect(counted()).toEqual(given.type === 'ack' ? summed() : whole.waiting);
          expect(alarm() ?? Infinity).toBeLessThanOrEqual(due() ?? Infinity);
        }
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });

  it('is full at its limits, of one sender and of all, and takes again what was acknowledged', () => {
    const reason = (reply: Json) => (reply as { reason?: string }).reason ?? 'stored';
    for (let n = 0; n < SENDER_MAX_ROWS; n++) expect(reason(obey(put(`own${n}`), 0))).toBe('stored');
    expect(reason(obey(put('own'), 0))).toBe('mailbox-full');
    for (let n = SENDER_MAX_ROWS; n < MAILBOX_MAX_ROWS; n++)
      expect(reason(obey(put(`of${n}`, { from: `p${n}` }), 0))).toBe('stored');
    expect(reason(obey(put('of', { from: 'new' }), 0))).toBe('mailbox-full');
    obey(open('s', 0), 0);
    obey({ type: 'ack', connection: 's', upTo: 1 }, 0);
    expect(reason(obey(put('of', { from: 'new' }), 0))).toBe('stored');
    expect(counted()).toEqual(summed());
  });

  it('counts what waited in a mailbox that older code wrote', () => {
    store = new MemoryStore();
    const older = { ...box, schema: deviceSchema.slice(0, -1) };
    migrate(store, older);
    const row = { id: 'a', from: 'alice', state: 'waiting', expires: 50, size: 6, pushAt: null };
    store.run(
      `INSERT INTO device_box (actor, box, next_seq, acked, connection) VALUES ('d', 'AAAAAAAAAAAAAAAAAAAAAA', 3, 0, NULL)`,
      [],
    );
    for (const seq of [1, 2])
      store.run(
        `INSERT INTO device_row (actor, seq, id, state, expires, row, body) VALUES ('d', ?1, ?2, 'waiting', 50, ?3, '"body"')`,
        [seq, `a${seq}`, JSON.stringify({ ...row, seq })],
      );
    migrate(store, box);
    expect(counted()).toEqual({ rows: 2, bytes: 12 });
  });
});
