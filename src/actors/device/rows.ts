import {
  emptyMailbox,
  type Mailbox,
  type MailboxCommand,
  type MailboxEffect,
  type Revision,
  type Row,
} from '../../courier/mailbox.ts';
import { base64url } from '../../bytes/base64url.ts';
import { SENDER_MAX_ROWS } from '../../protocol/courier.ts';
import type { Turn } from '../port.ts';

interface BoxRow {
  readonly box: string;
  readonly next_seq: number;
  readonly acked: number;
  readonly connection: string | null;
  readonly waiting_rows: number;
  readonly waiting_bytes: number;
  readonly earliest: number | null;
}

interface StreamRow {
  readonly stream: string;
  readonly revision: string;
}

/** In a queue that is longer an acknowledgement looks at what it reaches alone: a full mailbox is emptied row by row. */
const SHORT_QUEUE = 32;
/** As the index `device_row_due` has it. */
const DUE = `MIN(expires, IFNULL(json_extract(row, '$.pushAt'), expires))`;
const BOX = `SELECT box, next_seq, acked, connection, waiting_rows, waiting_bytes,
   (SELECT ${DUE} FROM device_row WHERE actor = ?1 AND state = 'waiting' ORDER BY ${DUE} LIMIT 1) AS earliest
   FROM device_box WHERE actor = ?1`;
/**
 * What a put is judged by, each part by an index of its own (the planner would read all rows for the last two). A parameter as LIMIT
 * would have SQLite prepare the statement anew each time that it is bound.
 */
const FOR_PUT = `SELECT row FROM device_row WHERE actor = ?1 AND id = ?2
   UNION ALL SELECT row FROM device_row WHERE actor = ?1 AND state = 'waiting' AND ${DUE} <= ?3
   UNION ALL SELECT row FROM device_row INDEXED BY device_row_collapse
     WHERE actor = ?1 AND state = 'waiting' AND json_extract(row, '$.collapse') = ?4
   UNION ALL SELECT row FROM (SELECT row FROM device_row INDEXED BY device_row_from
     WHERE actor = ?1 AND state = 'waiting' AND json_extract(row, '$.from') = ?5 LIMIT ${SENDER_MAX_ROWS + 1})`;
const FOR_ACK = `SELECT row FROM device_row WHERE actor = ?1 AND seq <= ?2 AND state <> 'done'`;
const ALL = `SELECT row FROM device_row WHERE actor = ?1 AND state <> 'done'`;

/** The mailbox as far as one command needs it; without one, all rows that are not done. */
export function loadMailbox(t: Turn, command: MailboxCommand | null): Mailbox {
  const kept = t.all<BoxRow>(BOX)[0];
  if (!kept) return emptyMailbox(base64url(t.random(16)));
  const { rows, partial } = rowsFor(t, command, kept);
  const order = command?.type === 'put' ? command.envelope.order : null;
  return {
    box: kept.box,
    nextSeq: kept.next_seq,
    acked: kept.acked,
    connection: kept.connection === null ? null : (JSON.parse(kept.connection) as Mailbox['connection']),
    rows: rows.map((row) => JSON.parse(row) as Row).sort((a, b) => a.seq - b.seq),
    waiting: { rows: kept.waiting_rows, bytes: kept.waiting_bytes },
    ...(partial && { partial: { earliest: kept.earliest } }),
    revisions: order === null ? {} : streamsOf(t, order.stream),
  };
}

interface Text {
  readonly row: string;
}

/** Each once: a row may be found for several reasons. */
function texts(found: readonly Text[]): string[] {
  return [...new Set(found.map(({ row }) => row))];
}

interface Part {
  readonly rows: readonly string[];
  readonly partial: boolean;
}

function rowsFor(t: Turn, command: MailboxCommand | null, { next_seq }: BoxRow): Part {
  if (command?.type === 'put') {
    const { id, collapse, from, control } = command.envelope;
    const found = t.all<Text>(FOR_PUT, id, t.now, collapse, control ? null : from);
    return { rows: texts(found), partial: true };
  }
  if (command?.type === 'ack' && command.upTo + SHORT_QUEUE < next_seq)
    return { rows: texts(t.all(FOR_ACK, command.upTo)), partial: true };
  return { rows: texts(t.all(ALL)), partial: false };
}

/** What is remembered of one stream, or of all. */
export function streamsOf(t: Turn, stream: string | null): Record<string, Revision> {
  const every = `SELECT stream, revision FROM device_stream WHERE actor = ?1`;
  const rows = stream === null ? t.all<StreamRow>(every) : t.all<StreamRow>(`${every} AND stream = ?2`, stream);
  return Object.fromEntries(rows.map((row) => [row.stream, JSON.parse(row.revision) as Revision]));
}

export function saveMailbox(t: Turn, mailbox: Mailbox): void {
  t.run(
    `INSERT INTO device_box (actor, box, next_seq, acked, connection, waiting_rows, waiting_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
     ON CONFLICT (actor) DO UPDATE SET box = excluded.box, next_seq = excluded.next_seq, acked = excluded.acked, connection = excluded.connection,
       waiting_rows = excluded.waiting_rows, waiting_bytes = excluded.waiting_bytes`,
    mailbox.box,
    mailbox.nextSeq,
    mailbox.acked,
    mailbox.connection === null ? null : JSON.stringify(mailbox.connection),
    mailbox.waiting.rows,
    mailbox.waiting.bytes,
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
