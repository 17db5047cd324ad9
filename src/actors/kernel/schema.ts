import type { Actor, SchemaStep } from '../port.ts';
import { PortError, type Store } from './store.ts';

/**
 * The port's own tables. Every one is keyed by the actor, so that many actors may share a file.
 *
 *   port_clock     `now` of the last turn that wrote
 *   port_deadline  what wakes the actor; `attempt` counts turns that threw on it
 *   port_outbox    mail committed and not yet answered; the smallest number per peer is the one in flight
 *   port_sent      the last number given out per peer, for 24 h
 *   port_heard     the last number applied per sender with its reply, for 24 h
 *   port_socket    sockets that were opened and whose `closed` has not been told
 */
const PORT: readonly SchemaStep[] = [
  {
    minReader: 1,
    sql: [
      `CREATE TABLE port_clock (actor TEXT NOT NULL PRIMARY KEY, now INTEGER NOT NULL) WITHOUT ROWID`,
      `CREATE TABLE port_deadline (actor TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, attempt INTEGER NOT NULL DEFAULT 0,
         PRIMARY KEY (actor, key)) WITHOUT ROWID`,
      `CREATE INDEX port_deadline_at ON port_deadline (at)`,
      `CREATE TABLE port_outbox (actor TEXT NOT NULL, peer TEXT NOT NULL, number INTEGER NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
         until INTEGER NOT NULL, attempt INTEGER NOT NULL DEFAULT 0, retry_at INTEGER NOT NULL, PRIMARY KEY (actor, peer, number)) WITHOUT ROWID`,
      `CREATE TABLE port_sent (actor TEXT NOT NULL, peer TEXT NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (actor, peer)) WITHOUT ROWID`,
      `CREATE TABLE port_heard (actor TEXT NOT NULL, peer TEXT NOT NULL, last INTEGER NOT NULL, reply TEXT NOT NULL, at INTEGER NOT NULL,
         PRIMARY KEY (actor, peer)) WITHOUT ROWID`,
      `CREATE TABLE port_socket (actor TEXT NOT NULL, id TEXT NOT NULL, opened INTEGER NOT NULL, tags TEXT NOT NULL, note TEXT NOT NULL,
         PRIMARY KEY (actor, id)) WITHOUT ROWID`,
    ],
  },
];

export const PORT_TABLES = [
  'port_clock',
  'port_deadline',
  'port_outbox',
  'port_sent',
  'port_heard',
  'port_socket',
] as const;

/** `behind`: rows need steps; `outdated`: rows were written by code that this code must not read. */
export type SchemaState = 'current' | 'behind' | 'outdated';

interface Kept {
  readonly version: number;
  readonly min_reader: number;
}

const NOTHING: Kept = { version: 0, min_reader: 0 };

function exists(store: Store): boolean {
  return store.all(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'port_schema'`, []).length > 0;
}

function kept(store: Store, kind: string): Kept {
  return store.all<Kept>(`SELECT version, min_reader FROM port_schema WHERE kind = ?1`, [kind])[0] ?? NOTHING;
}

function stateOf(found: Kept, known: number): SchemaState {
  if (found.version === known) return 'current';
  if (found.version < known) return 'behind';
  return known >= found.min_reader ? 'current' : 'outdated';
}

/** Whether the rows of this kind can be served as they are. Reads only. */
export function schemaState(store: Store, actor: Actor): SchemaState {
  if (!exists(store)) return 'behind';
  const port = stateOf(kept(store, 'port'), PORT.length);
  const own = stateOf(kept(store, actor.kind), actor.schema.length);
  if (port === 'outdated' || own === 'outdated') return 'outdated';
  return port === 'behind' || own === 'behind' ? 'behind' : 'current';
}

function climb(store: Store, kind: string, steps: readonly SchemaStep[]): void {
  const from = kept(store, kind).version;
  for (const step of steps.slice(from)) for (const sql of step.sql) store.run(sql, []);
  if (from >= steps.length) return;
  store.run(
    `INSERT INTO port_schema (kind, version, min_reader) VALUES (?1, ?2, ?3)
     ON CONFLICT (kind) DO UPDATE SET version = excluded.version, min_reader = excluded.min_reader`,
    [kind, steps.length, steps.at(-1)!.minReader],
  );
}

/** Actors that have been held to their word about their tables; it is the same in every file. */
const examined = new WeakSet<Actor>();

function examine(store: Store, actor: Actor): void {
  if (examined.has(actor)) return;
  for (const table of actor.tables) {
    const first = store.all<{ name: string }>(
      `SELECT name FROM pragma_table_info('${table}') ORDER BY cid LIMIT 1`,
      [],
    )[0];
    if (first?.name !== 'actor')
      throw new PortError(`table ${table} of ${actor.kind} must begin with a column named actor`);
  }
  examined.add(actor);
}

/** Runs the steps that are missing, inside the host's transaction, and holds the actor to its word about its tables. */
export function migrate(store: Store, actor: Actor): void {
  store.run(
    `CREATE TABLE IF NOT EXISTS port_schema (kind TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, min_reader INTEGER NOT NULL) WITHOUT ROWID`,
    [],
  );
  climb(store, 'port', PORT);
  climb(store, actor.kind, actor.schema);
  examine(store, actor);
}
