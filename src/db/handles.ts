import { and, eq, inArray, sql } from 'drizzle-orm';
import { commit, type Database, type Statement } from './database.ts';
import { events, type NewEvent } from './events.ts';
import { handle } from './schema.ts';

export interface Proved {
  /** Canonical. */
  readonly handle: string;
  readonly account: string;
  readonly method: string;
  readonly verifiedAt: number;
  readonly request: string;
}

export type Claimed = { readonly ok: true } | { readonly ok: false; readonly reason: 'handle-taken' };

/** A lookup names at most ten handles; D1 binds at most a hundred values. */
const MOST_HANDLES = 50;

/** Handle -> account is decided here and nowhere else. */
export class Handles {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Gives a proved handle to its account, or renews it. Whoever else holds it keeps it: the row's NOT NULL account aborts
   * the batch, event included. The same request again changes nothing.
   */
  async claim(proved: Proved, event: NewEvent): Promise<Claimed> {
    const held = await commit(this.#db, [this.#upsert(proved), events.append(this.#db, event)]);
    if (held === null) return { ok: true };
    if (held.table === 'handle') return { ok: false, reason: 'handle-taken' };
    throw new Error(`${held.table}.${held.column} was not filled`);
  }

  /** Takes a handle from the account that holds it; nothing when it does not. */
  async release(name: string, account: string): Promise<void> {
    await this.#db.delete(handle).where(and(eq(handle.handle, name), eq(handle.account, account)));
  }

  async accountsOf(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (names.length > MOST_HANDLES) throw new RangeError(`at most ${MOST_HANDLES} handles are looked up at once`);
    const rows = await this.#db
      .select({ handle: handle.handle, account: handle.account })
      .from(handle)
      .where(inArray(handle.handle, [...names]));
    return new Map(rows.map((row) => [row.handle, row.account]));
  }

  async ofAccount(account: string): Promise<readonly Proved[]> {
    return this.#db.select().from(handle).where(eq(handle.account, account)).orderBy(handle.handle);
  }

  #upsert(proved: Proved): Statement {
    return this.#db
      .insert(handle)
      .values(proved)
      .onConflictDoUpdate({
        target: handle.handle,
        set: {
          account: sql`CASE WHEN ${handle.account} = excluded.account THEN ${handle.account} END`,
          method: sql`excluded.method`,
          verifiedAt: sql`MAX(${handle.verifiedAt}, excluded.verified_at)`,
          request: sql`excluded.request`,
        },
      });
  }
}
