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
}

/** The mailbox without its rows. */
type Head = Pick<Mailbox, 'box' | 'nextSeq' | 'acked' | 'connection' | 'waiting'>;

interface StreamRow {
  readonly stream: string;
  readonly revision: string;
}

/**
 * Rows that are not done, kept in mind. Of a longer queue each command reads what it needs: a put what it is judged by, an
 * acknowledgement what it reaches, so that a full mailbox is filled and emptied row by row.
 */
const SHORT_QUEUE = 32;
/** As the index `device_row_due` has it. */
const DUE = `MIN(expires, IFNULL(json_extract(row, '$.pushAt'), expires))`;
const BOX = `SELECT box, next_seq, acked, connection, waiting_rows, waiting_bytes FROM device_box WHERE actor = ?1`;
const EARLIEST = `SELECT ${DUE} AS at FROM device_row WHERE actor = ?1 AND state = 'waiting' ORDER BY ${DUE} LIMIT 1`;
const OF_ID = `SELECT row FROM device_row WHERE actor = ?1 AND id = ?2`;
/**
 * What a put is judged by, each part by an index of its own (the planner would read all rows for the last two). A parameter as LIMIT
 * would have SQLite prepare the statement anew each time that it is bound.
 */
const FOR_PUT = `${OF_ID}
   UNION ALL SELECT row FROM device_row WHERE actor = ?1 AND state = 'waiting' AND ${DUE} <= ?3
   UNION ALL SELECT row FROM device_row INDEXED BY device_row_collapse
     WHERE actor = ?1 AND state = 'waiting' AND json_extract(row, '$.collapse') = ?4
   UNION ALL SELECT row FROM (SELECT row FROM device_row INDEXED BY device_row_from
     WHERE actor = ?1 AND state = 'waiting' AND json_extract(row, '$.from') = ?5 LIMIT ${SENDER_MAX_ROWS + 1})`;
const FOR_ACK = `SELECT row FROM device_row WHERE actor = ?1 AND seq <= ?2 AND state <> 'done'`;
const ALL = `SELECT row FROM device_row WHERE actor = ?1 AND state <> 'done'`;

/** The mailbox as far as one command needs it; without one, all rows that are not done. */
export function loadMailbox(t: Turn, command: MailboxCommand | null): Mailbox {
  const head = headOf(t);
  if (!head) return emptyMailbox(base64url(t.random(16)));
  const order = command?.type === 'put' ? command.envelope.order : null;
  return { ...head, ...rowsFor(t, command, head), revisions: order === null ? {} : revisionOf(t, order.stream) };
}

function headOf(t: Turn): Head | null {
  return t.recall('device_box', 'head', () => {
    const kept = t.all<BoxRow>(BOX)[0];
    return kept
      ? {
          box: kept.box,
          nextSeq: kept.next_seq,
          acked: kept.acked,
          connection: kept.connection === null ? null : (JSON.parse(kept.connection) as Mailbox['connection']),
          waiting: { rows: kept.waiting_rows, bytes: kept.waiting_bytes },
        }
      : null;
  });
}

interface Text {
  readonly row: string;
}

/** In order, each once: a row may be found for several reasons. */
function parsed(found: readonly Text[]): Row[] {
  const texts = new Set(found.map(({ row }) => row));
  return [...texts].map((row) => JSON.parse(row) as Row).sort((a, b) => a.seq - b.seq);
}

/** Every row that is not done; null where they are too many to be kept in mind. */
function queueOf(t: Turn): readonly Row[] | null {
  return t.recall('device_row', 'queue', () => {
    const found = t.all<Text>(`${ALL} ORDER BY seq LIMIT ${SHORT_QUEUE + 1}`);
    return found.length > SHORT_QUEUE ? null : parsed(found);
  });
}

function rowsFor(t: Turn, command: MailboxCommand | null, { nextSeq }: Head): Pick<Mailbox, 'rows' | 'partial'> {
  const queue = queueOf(t);
  if (command?.type === 'put') {
    const { id, collapse, from, control } = command.envelope;
    if (queue) return { rows: queue.some((row) => row.id === id) ? queue : [...parsed(t.all(OF_ID, id)), ...queue] };
    const found = t.all<Text>(FOR_PUT, id, t.now, collapse, control ? null : from);
    return { rows: parsed(found), partial: earliest(t) };
  }
  if (!queue && command?.type === 'ack' && command.upTo + SHORT_QUEUE < nextSeq)
    return { rows: parsed(t.all(FOR_ACK, command.upTo)), partial: earliest(t) };
  return { rows: queue ?? parsed(t.all(ALL)) };
}

function earliest(t: Turn): { readonly earliest: number | null } {
  return { earliest: t.all<{ at: number }>(EARLIEST)[0]?.at ?? null };
}

/** What is remembered of every stream. */
export function streamsOf(t: Turn): Record<string, Revision> {
  const rows = t.all<StreamRow>(`SELECT stream, revision FROM device_stream WHERE actor = ?1 AND until > ?2`, t.now);
  return Object.fromEntries(rows.map((row) => [row.stream, JSON.parse(row.revision) as Revision]));
}

function revisionOf(t: Turn, stream: string): Record<string, Revision> {
  const revision = t.recall('device_stream', stream, () => {
    const kept = t.all<StreamRow>(
      `SELECT stream, revision FROM device_stream WHERE actor = ?1 AND stream = ?2`,
      stream,
    )[0];
    return kept ? (JSON.parse(kept.revision) as Revision) : null;
  });
  return revision ? { [stream]: revision } : {};
}

/** The mailbox without its rows, where a command changed it. */
export function saveHead(t: Turn, before: Mailbox, { box, nextSeq, acked, connection, waiting }: Mailbox): void {
  const told = (one: Head) => [one.box, one.nextSeq, one.acked, one.connection, one.waiting.rows, one.waiting.bytes];
  const head: Head = { box, nextSeq, acked, connection, waiting };
  if (headOf(t) && JSON.stringify(told(head)) === JSON.stringify(told(before))) return;
  t.run(
    `INSERT INTO device_box (actor, box, next_seq, acked, connection, waiting_rows, waiting_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
     ON CONFLICT (actor) DO UPDATE SET box = excluded.box, next_seq = excluded.next_seq, acked = excluded.acked, connection = excluded.connection,
       waiting_rows = excluded.waiting_rows, waiting_bytes = excluded.waiting_bytes`,
    box,
    nextSeq,
    acked,
    connection === null ? null : JSON.stringify(connection),
    waiting.rows,
    waiting.bytes,
  );
  t.keep('device_box', 'head', head);
}

/** After the rows of a command were saved: what the next one need not read. */
export function keepQueue(t: Turn, { rows, partial, waiting }: Mailbox): void {
  const queue = rows.filter((row) => row.state !== 'done');
  if ((partial ? waiting.rows : queue.length) > SHORT_QUEUE) t.keep('device_row', 'queue', null);
  else if (!partial) t.keep('device_row', 'queue', queue);
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
      t.run(`DELETE FROM device_stream WHERE actor = ?1 AND until <= ?2`, t.now);
      return true;
    case 'revision':
      t.run(
        `INSERT INTO device_stream (actor, stream, revision, until) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (actor, stream) DO UPDATE SET revision = excluded.revision, until = excluded.until`,
        effect.stream,
        JSON.stringify(effect.revision),
        effect.revision.until,
      );
      t.keep('device_stream', effect.stream, effect.revision);
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
