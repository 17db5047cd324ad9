import { emptyMailbox, type Mailbox, type MailboxEffect, type Revision, type Row } from '../../courier/mailbox.ts';
import { base64url } from '../../bytes/base64url.ts';
import type { Envelope } from '../../protocol/envelope.ts';
import type { Turn } from '../port.ts';

interface BoxRow {
  readonly box: string;
  readonly next_seq: number;
  readonly acked: number;
  readonly connection: string | null;
}

interface StreamRow {
  readonly stream: string;
  readonly revision: string;
}

/** In a queue that is longer an acknowledgement looks at what it reaches alone: a full mailbox is emptied row by row. */
const SHORT_QUEUE = 32;

/** The mailbox as far as one command needs it: all rows not yet done and the one of this envelope, and its stream alone. */
export function loadMailbox(
  t: Turn,
  envelope: Pick<Envelope, 'id' | 'order'> | null,
  upTo = Number.MAX_SAFE_INTEGER,
): Mailbox {
  const kept = t.all<BoxRow>(`SELECT box, next_seq, acked, connection FROM device_box WHERE actor = ?1`)[0];
  if (!kept) return emptyMailbox(base64url(t.random(16)));
  const partial = upTo + SHORT_QUEUE < kept.next_seq;
  const rows = t.all<{ row: string }>(
    `SELECT row FROM device_row WHERE actor = ?1 AND seq <= ?3 AND (state <> 'done' OR id = ?2) ORDER BY seq`,
    envelope?.id ?? '',
    partial ? upTo : Number.MAX_SAFE_INTEGER,
  );
  const { order = null } = envelope ?? {};
  return {
    box: kept.box,
    nextSeq: kept.next_seq,
    acked: kept.acked,
    connection: kept.connection === null ? null : (JSON.parse(kept.connection) as Mailbox['connection']),
    rows: rows.map(({ row }) => JSON.parse(row) as Row),
    partial,
    revisions: order === null ? {} : streamsOf(t, order.stream),
  };
}

/** What is remembered of one stream, or of all. */
export function streamsOf(t: Turn, stream: string | null): Record<string, Revision> {
  const every = `SELECT stream, revision FROM device_stream WHERE actor = ?1`;
  const rows = stream === null ? t.all<StreamRow>(every) : t.all<StreamRow>(`${every} AND stream = ?2`, stream);
  return Object.fromEntries(rows.map((row) => [row.stream, JSON.parse(row.revision) as Revision]));
}

export function saveMailbox(t: Turn, mailbox: Mailbox): void {
  t.run(
    `INSERT INTO device_box (actor, box, next_seq, acked, connection) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (actor) DO UPDATE SET box = excluded.box, next_seq = excluded.next_seq, acked = excluded.acked, connection = excluded.connection`,
    mailbox.box,
    mailbox.nextSeq,
    mailbox.acked,
    mailbox.connection === null ? null : JSON.stringify(mailbox.connection),
  );
}

/** The part of an effect that is rows; false when it is none. */
export function saveRow(t: Turn, effect: MailboxEffect, body: unknown): boolean {
  switch (effect.type) {
    case 'insert':
      t.run(
        `INSERT INTO device_row (actor, seq, id, state, expires, row, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
        effect.row.seq,
        effect.row.id,
        effect.row.state,
        effect.row.expires,
        JSON.stringify(effect.row),
        JSON.stringify(body ?? null),
      );
      return true;
    case 'update':
      t.run(
        `UPDATE device_row SET state = ?3, expires = ?4, row = ?5, body = CASE WHEN ?6 THEN body ELSE NULL END WHERE actor = ?1 AND seq = ?2`,
        effect.row.seq,
        effect.row.state,
        effect.row.expires,
        JSON.stringify(effect.row),
        effect.body ? 1 : 0,
      );
      return true;
    case 'delete':
      t.run(`DELETE FROM device_row WHERE actor = ?1 AND seq = ?2`, effect.seq);
      return true;
    case 'forget-done':
      t.run(`DELETE FROM device_row WHERE actor = ?1 AND state = 'done' AND expires <= ?2`, t.now);
      return true;
    case 'revision':
      t.run(`DELETE FROM device_stream WHERE actor = ?1 AND until <= ?2`, t.now);
      t.run(
        `INSERT INTO device_stream (actor, stream, revision, until) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (actor, stream) DO UPDATE SET revision = excluded.revision, until = excluded.until`,
        effect.stream,
        JSON.stringify(effect.revision),
        effect.revision.until,
      );
      return true;
    default:
      return false;
  }
}

export function bodyOf(t: Turn, seq: number): { row: Row; body: unknown } | null {
  const kept = t.all<{ row: string; body: string | null }>(
    `SELECT row, body FROM device_row WHERE actor = ?1 AND seq = ?2`,
    seq,
  )[0];
  return kept && kept.body !== null
    ? { row: JSON.parse(kept.row) as Row, body: JSON.parse(kept.body) as unknown }
    : null;
}
