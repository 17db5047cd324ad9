import { sha256 } from '@noble/hashes/sha2.js';
import { base64url } from '../bytes/base64url.ts';
import { canonicalJson } from '../bytes/jcs.ts';
import { utf8 } from '../bytes/utf8.ts';
import type { EventDraft, EventRow } from '../protocol/event.ts';
import type { Json, Turn } from './port.ts';

/**
 * The events outbox of an actor: a row in the same commit as the change, shipped to the feed by the `events` queue, and
 * kept here until the feed has said that it is durable there. The queue is a hint; the deadline asks again.
 */
const QUEUE = 'events';
const DEADLINE = 'events';
const ASK_AGAIN_MS = 30_000;
const BATCH = 100;

/** Rows of one kind of actor live in a table of its own, as all its rows do. */
export function eventTables(kind: string): { tables: string[]; sql: string[] } {
  return {
    tables: [`${kind}_event`, `${kind}_event_head`],
    sql: [
      `CREATE TABLE ${kind}_event (actor TEXT NOT NULL, n INTEGER NOT NULL, row TEXT NOT NULL, PRIMARY KEY (actor, n)) WITHOUT ROWID`,
      `CREATE TABLE ${kind}_event_head (actor TEXT NOT NULL PRIMARY KEY, n INTEGER NOT NULL, hash TEXT NOT NULL) WITHOUT ROWID`,
    ],
  };
}

/** Writes one event in this turn's commit. */
export function record(t: Turn, draft: EventDraft): void {
  const { kind } = t.self;
  const table = `${kind}_event_head`;
  const head = t.recall(table, 'head', () => headOf(t, table));
  const row = chained(t, draft, head);
  t.run(`INSERT INTO ${kind}_event (actor, n, row) VALUES (?1, ?2, ?3)`, head.n + 1, JSON.stringify(row));
  t.run(
    `INSERT INTO ${kind}_event_head (actor, n, hash) VALUES (?1, ?2, ?3) ON CONFLICT (actor) DO UPDATE SET n = excluded.n, hash = excluded.hash`,
    head.n + 1,
    row.hash,
  );
  t.keep(table, 'head', { n: head.n + 1, hash: row.hash });
  t.hint(QUEUE, DEADLINE);
  t.wake(DEADLINE, t.now + ASK_AGAIN_MS);
}

interface Head {
  readonly n: number;
  readonly hash: string;
}

function headOf(t: Turn, table: string): Head {
  return t.all<Head>(`SELECT n, hash FROM ${table} WHERE actor = ?1`)[0] ?? { n: 0, hash: '' };
}

function chained(t: Turn, draft: EventDraft, head: Head): EventRow {
  const fields = {
    id: `${t.self.kind}/${t.self.name}/${head.n + 1}`,
    at: t.now,
    type: draft.type,
    severity: draft.severity,
    actor: t.self.kind,
    subject: draft.subject,
    reason: draft.reason ?? null,
    reference: draft.reference ?? null,
    request: draft.request ?? null,
    index: draft.index ?? null,
    previous: head.hash,
  };
  return { ...fields, hash: eventHash(fields) };
}

/** What `hash` must be; the audit computes it again. */
export function eventHash(fields: Omit<EventRow, 'hash'>): string {
  const text = canonicalJson(fields);
  if (text === null) throw new TypeError('an event holds only canonical JSON');
  return base64url(sha256(utf8(`${fields.previous}${text}`)));
}

export type EventCommand = { readonly do: 'events' } | { readonly do: 'events-shipped'; readonly upTo: number };

/** Answers the shipper: the oldest rows, and what may be forgotten. */
export function onEventCommand(t: Turn, command: EventCommand): Json {
  const { kind } = t.self;
  if (command.do === 'events') {
    const rows = t.all<{ n: number; row: string }>(
      `SELECT n, row FROM ${kind}_event WHERE actor = ?1 ORDER BY n LIMIT ${BATCH}`,
    );
    return { rows: rows.map(({ n, row }) => ({ n, row: JSON.parse(row) as Json })) };
  }
  t.run(`DELETE FROM ${kind}_event WHERE actor = ?1 AND n <= ?2`, command.upTo);
  const left = t.all<{ n: number }>(`SELECT COUNT(*) AS n FROM ${kind}_event WHERE actor = ?1`)[0]?.n ?? 0;
  if (left === 0) t.wake(DEADLINE, null);
  return { left };
}

/** The deadline: the hint may have been lost. */
export function onEventsDue(t: Turn, key: string): boolean {
  if (key !== DEADLINE) return false;
  t.hint(QUEUE, DEADLINE);
  t.wake(DEADLINE, t.now + ASK_AGAIN_MS);
  return true;
}
