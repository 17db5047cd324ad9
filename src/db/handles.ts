import { and, eq, inArray, isNull, ne, sql } from 'drizzle-orm';
import { commit, type Database, type Statement } from './database.ts';
import { events, type NewEvent } from './events.ts';
import type { HandleOwner, Holding } from './repositories.ts';
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
   * Gives a proved handle to its account, or renews it, which also ends what others claim. Whoever else holds it keeps it until a
   * claim or a quarantine is over: else the row's NOT NULL account aborts the batch, event included. The same request again changes
   * nothing.
   */
  async claim(proved: Proved, event: NewEvent, quarantineMs: number): Promise<Claimed> {
    const held = await commit(this.#db, [this.#upsert(proved, quarantineMs), events.append(this.#db, event)]);
    if (held === null) return { ok: true };
    if (held.table === 'handle') return { ok: false, reason: 'handle-taken' };
    throw new Error(`${held.table}.${held.column} was not filled`);
  }

  async contest(name: string, holder: string, claimant: string, until: number): Promise<void> {
    const earlier = sql`CASE WHEN ${handle.claimant} = ${claimant} THEN MIN(${handle.claimUntil}, ${until}) ELSE ${until} END`;
    await this.#db
      .update(handle)
      .set({ claimant, claimUntil: earlier })
      .where(and(eq(handle.handle, name), eq(handle.account, holder), ne(handle.account, claimant)));
  }

  async uncontest(name: string, holder: string, claimant: string): Promise<void> {
    await this.#db
      .update(handle)
      .set({ claimant: null, claimUntil: null })
      .where(and(eq(handle.handle, name), eq(handle.account, holder), eq(handle.claimant, claimant)));
  }

  /** Given to somebody, it still leads to its holder until that one has proved it. */
  async release(name: string, holder: string, at: number, to: string | null): Promise<boolean> {
    const given = to === null ? { releasedAt: at, claimant: null, claimUntil: null } : { claimant: to, claimUntil: at };
    const rows = await this.#db
      .update(handle)
      .set(given)
      .where(and(eq(handle.handle, name), eq(handle.account, holder), isNull(handle.releasedAt)))
      .returning({ handle: handle.handle });
    return rows.length > 0;
  }

  async ownersOf(names: readonly string[]): Promise<ReadonlyMap<string, HandleOwner>> {
    if (names.length > MOST_HANDLES) throw new RangeError(`at most ${MOST_HANDLES} handles are looked up at once`);
    const rows = await this.#db
      .select()
      .from(handle)
      .where(and(inArray(handle.handle, [...names]), isNull(handle.releasedAt)));
    return new Map(
      rows.map(({ handle: name, account, verifiedAt, method }) => [name, { account, verifiedAt, method }]),
    );
  }

  async holding(name: string): Promise<Holding | null> {
    const [row] = await this.#db.select().from(handle).where(eq(handle.handle, name));
    if (!row) return null;
    const { account, verifiedAt, method, releasedAt, claimant, claimUntil } = row;
    return { account, verifiedAt, method, releasedAt, claimant, claimUntil };
  }

  async ofAccount(account: string): Promise<readonly Proved[]> {
    return this.#db.select().from(handle).where(eq(handle.account, account)).orderBy(handle.handle);
  }

  /** `verified_at` is the clock that claims and quarantines are judged by. */
  #upsert(proved: Proved, quarantineMs: number): Statement {
    const now = sql`excluded.verified_at`;
    const free = sql`${handle.releasedAt} + ${quarantineMs} <= ${now}`;
    const due = sql`${handle.claimant} = excluded.account AND ${handle.claimUntil} <= ${now}`;
    const own = sql`${handle.account} = excluded.account`;
    return this.#db
      .insert(handle)
      .values(proved)
      .onConflictDoUpdate({
        target: handle.handle,
        set: {
          account: sql`CASE WHEN ${own} OR (${free}) OR (${due}) THEN excluded.account END`,
          method: sql`excluded.method`,
          verifiedAt: sql`CASE WHEN ${own} THEN MAX(${handle.verifiedAt}, ${now}) ELSE ${now} END`,
          request: sql`excluded.request`,
          releasedAt: null,
          claimant: null,
          claimUntil: null,
        },
      });
  }
}
