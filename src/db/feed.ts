import { and, asc, gt, inArray } from 'drizzle-orm';
import type { EventRow, Severity } from '../protocol/event.ts';
import { commit, type Database, type Statement } from './database.ts';
import type { Events } from './repositories.ts';
import { event } from './schema.ts';

/** The operator's feed: rows of actors' outboxes in the order in which they arrived. */
export class Feed implements Events {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async append(rows: readonly EventRow[]): Promise<void> {
    const statements = rows.map(({ index, previous, ...row }): Statement => {
      const values = { ...row, indexed: index === null ? null : JSON.stringify(index), previousHash: previous };
      return this.#db.insert(event).values(values).onConflictDoNothing();
    });
    const [first, ...more] = statements;
    if (first) await commit(this.#db, [first, ...more]);
  }

  async after(
    cursor: number,
    types: readonly string[] | null,
    limit: number,
  ): Promise<readonly { cursor: number; row: EventRow }[]> {
    const wanted =
      types === null ? gt(event.sequence, cursor) : and(gt(event.sequence, cursor), inArray(event.type, [...types]));
    const rows = await this.#db.select().from(event).where(wanted).orderBy(asc(event.sequence)).limit(limit);
    return rows.map(({ sequence, indexed, previousHash, hash, severity, actor, subject, ...row }) => ({
      cursor: sequence,
      row: {
        ...row,
        severity: severity as Severity,
        actor: actor ?? '',
        subject: subject ?? '',
        index: indexed === null ? null : (JSON.parse(indexed) as EventRow['index']),
        previous: previousHash ?? '',
        hash: hash ?? '',
      },
    }));
  }
}
