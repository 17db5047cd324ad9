import { and, count, eq, gt, lt, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import type { Verification } from './repositories.ts';
import { sentCode, verification, wrongCode } from './schema.ts';

const KEPT_MS = 2 * 86_400_000;

/** Codes under way, and how often somebody guessed. */
export class Verifications {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The same id again changes nothing: when the row that stands ends, ms. */
  async begin(row: Verification): Promise<number> {
    const [kept] = await this.#db
      .insert(verification)
      .values(row)
      .onConflictDoUpdate({ target: verification.id, set: { id: row.id } })
      .returning({ expiresAt: verification.expiresAt });
    return kept?.expiresAt ?? row.expiresAt;
  }

  /** One statement takes the try, so that tries made at once are counted one by one. */
  async attempt(id: string, account: string, now: number): Promise<Verification | null> {
    const rows = await this.#db
      .update(verification)
      .set({ tries: sql`${verification.tries} - 1` })
      .where(
        and(
          eq(verification.id, id),
          eq(verification.account, account),
          gt(verification.tries, 0),
          gt(verification.expiresAt, now),
        ),
      )
      .returning();
    return rows[0] ?? null;
  }

  async wrongSince(handle: string, since: number): Promise<number> {
    const rows = await this.#db
      .select({ n: count() })
      .from(wrongCode)
      .where(and(eq(wrongCode.handle, handle), gt(wrongCode.at, since)));
    return rows[0]?.n ?? 0;
  }

  async countWrong(handle: string, at: number): Promise<void> {
    await this.#db.insert(wrongCode).values({ handle, at });
  }

  async sentSince(handle: string, since: number): Promise<{ handle: number; all: number }> {
    const own = sql<number>`SUM(${sentCode.handle} = ${handle})`;
    const rows = await this.#db.select({ all: count(), own }).from(sentCode).where(gt(sentCode.at, since));
    return { handle: rows[0]?.own ?? 0, all: rows[0]?.all ?? 0 };
  }

  async countSent(handle: string, at: number): Promise<void> {
    await this.#db.insert(sentCode).values({ handle, at });
  }

  async ended(id: string): Promise<void> {
    await this.#db.delete(verification).where(eq(verification.id, id));
  }

  async sweep(now: number): Promise<void> {
    await this.#db.delete(verification).where(lt(verification.expiresAt, now));
    await this.#db.delete(wrongCode).where(lt(wrongCode.at, now - KEPT_MS));
    await this.#db.delete(sentCode).where(lt(sentCode.at, now - KEPT_MS));
  }
}
