import { and, desc, eq, lt } from 'drizzle-orm';
import { commit, type Database } from './database.ts';
import type { RevocationListRow, RevocationLists as Contract } from './repositories.ts';
import { revocationList } from './schema.ts';

/** Writing a list is what makes its number: two lists with one number cannot be. */
export class RevocationLists implements Contract {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async latest(issuer: string): Promise<RevocationListRow | null> {
    const [row] = await this.#db
      .select()
      .from(revocationList)
      .where(eq(revocationList.issuer, issuer))
      .orderBy(desc(revocationList.number))
      .limit(1);
    return row ?? null;
  }

  async put(row: RevocationListRow, now: number): Promise<boolean> {
    const old = and(
      eq(revocationList.issuer, row.issuer),
      lt(revocationList.number, row.number),
      lt(revocationList.nextUpdate, now),
    );
    const held = await commit(this.#db, [
      this.#db.insert(revocationList).values(row),
      this.#db.delete(revocationList).where(old),
    ]);
    return held === null;
  }
}
