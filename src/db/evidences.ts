import { eq, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import type { Evidence, EvidenceRow } from './repositories.ts';
import { evidence } from './schema.ts';

/** Evidence as it was judged, sealed, for the certificate's life and 30 days more. */
export class Evidences implements Evidence {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async put(row: EvidenceRow): Promise<void> {
    const { hash: id, sealed: body, at: judgedAt, ...rest } = row;
    await this.#db
      .insert(evidence)
      .values({ id, body, judgedAt, request: id, ...rest })
      .onConflictDoNothing();
  }

  async keep(hash: string, until: number): Promise<void> {
    await this.#db
      .update(evidence)
      .set({ keepUntil: sql`MAX(${evidence.keepUntil}, ${until})` })
      .where(eq(evidence.id, hash));
  }

  async get(hash: string): Promise<EvidenceRow | null> {
    const [row] = await this.#db.select().from(evidence).where(eq(evidence.id, hash));
    if (!row) return null;
    const { id, body, judgedAt, request: _request, ...rest } = row;
    return { hash: id, sealed: body, at: judgedAt, ...rest };
  }
}
