import { and, asc, desc, eq, gt, gte, inArray, lt, sql } from 'drizzle-orm';
import type { EventRow, Severity } from '../protocol/event.ts';
import { commit, type Database, type Statement } from './database.ts';
import { events, type NewEvent } from './events.ts';
import type { Events } from './repositories.ts';
import { event } from './schema.ts';

/** A call has a dozen; the bound is against an actor that never ends. */
const MOST_OF_ONE = 1_000;

/** The operator's feed: rows of actors' outboxes in the order in which they arrived. */
export class Feed implements Events {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async tell(told: NewEvent): Promise<void> {
    await commit(this.#db, [events.append(this.#db, told)]);
  }

  async append(rows: readonly EventRow[]): Promise<void> {
    const statements = rows.map((row): Statement => this.#insert(row).onConflictDoNothing());
    const [first, ...more] = statements;
    if (first) await commit(this.#db, [first, ...more]);
  }

  async extend(row: EventRow): Promise<boolean> {
    return (await commit(this.#db, [this.#insert(row)])) === null;
  }

  async last(actor: string, chain: string): Promise<EventRow | null> {
    const own = sql`substr(${event.id}, 1, ${chain.length}) = ${chain}`;
    const [row] = await this.#db
      .select()
      .from(event)
      .where(and(eq(event.actor, actor), own))
      .orderBy(desc(event.sequence))
      .limit(1);
    return row ? rowOf(row) : null;
  }

  #insert({ index, previous, ...row }: EventRow) {
    const values = { ...row, indexed: index === null ? null : JSON.stringify(index), previousHash: previous };
    return this.#db.insert(event).values(values);
  }

  async of(actor: string, name: string, reference?: string): Promise<readonly EventRow[]> {
    const [from, to] = [`${actor}/${name}/`, `${actor}/${name}0`];
    const about = reference === undefined ? undefined : eq(event.reference, reference);
    const own = and(gte(event.id, from), lt(event.id, to), about);
    const rows = await this.#db.select().from(event).where(own).orderBy(asc(event.sequence)).limit(MOST_OF_ONE);
    return rows.map(rowOf);
  }

  async after(
    cursor: number,
    types: readonly string[] | null,
    limit: number,
  ): Promise<readonly { cursor: number; row: EventRow }[]> {
    const wanted =
      types === null ? gt(event.sequence, cursor) : and(gt(event.sequence, cursor), inArray(event.type, [...types]));
    const rows = await this.#db.select().from(event).where(wanted).orderBy(asc(event.sequence)).limit(limit);
    return rows.map((row) => ({ cursor: row.sequence, row: rowOf(row) }));
  }
}

function rowOf({
  sequence: _sequence,
  indexed,
  previousHash,
  hash,
  severity,
  actor,
  subject,
  ...row
}: typeof event.$inferSelect): EventRow {
  return {
    ...row,
    severity: severity as Severity,
    actor: actor ?? '',
    subject: subject ?? '',
    index: indexed === null ? null : (JSON.parse(indexed) as EventRow['index']),
    previous: previousHash ?? '',
    hash: hash ?? '',
  };
}
