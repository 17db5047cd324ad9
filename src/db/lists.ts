import { and, desc, eq, lt, max, sql } from 'drizzle-orm';
import { commit, type Database } from './database.ts';
import { events, type NewEvent } from './events.ts';
import type { ListHead, ListRow, Lists as Contract } from './repositories.ts';
import { list } from './schema.ts';

/** How many versions of a name are kept, for whoever asks what was in force. */
const KEPT = 3;

const HEAD = {
  name: list.name,
  fetchedAt: list.fetchedAt,
  nextUpdate: list.nextUpdate,
  digest: list.digest,
} as const;

/** Lists as data. The highest version of a name is in force, so an older one that is written again changes nothing. */
export class Lists implements Contract {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** SQLite takes the other columns from the row that holds the maximum. */
  async heads(): Promise<readonly ListHead[]> {
    const rows = await this.#db
      .select({ ...HEAD, version: max(list.version) })
      .from(list)
      .groupBy(list.name);
    return rows.map(({ version, ...head }) => ({ ...head, version: version ?? 0 }));
  }

  async newest(name: string): Promise<ListRow | null> {
    const [row] = await this.#db.select().from(list).where(eq(list.name, name)).orderBy(desc(list.version)).limit(1);
    return row ?? null;
  }

  async put(row: ListRow, told: NewEvent): Promise<boolean> {
    const { name } = row;
    const oldestKept = sql`(SELECT MIN(version) FROM (SELECT version FROM list WHERE name = ${name} ORDER BY version DESC LIMIT ${KEPT}))`;
    const held = await commit(this.#db, [
      this.#db.insert(list).values(row),
      events.append(this.#db, told),
      this.#db.delete(list).where(and(eq(list.name, name), lt(list.version, oldestKept))),
    ]);
    return held === null;
  }

  async seen(name: string, version: number, fetchedAt: number): Promise<void> {
    await this.#db
      .update(list)
      .set({ fetchedAt: sql`MAX(${list.fetchedAt}, ${fetchedAt})` })
      .where(and(eq(list.name, name), eq(list.version, version)));
  }
}
