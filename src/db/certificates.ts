import { and, gt, ne, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import type { CertificateRow, Certificates as Contract } from './repositories.ts';
import { certificate } from './schema.ts';

/**
 * What a statement may change: a later one, and of two at the same moment the one that takes the certificate out of force.
 * End and evidence never change once known, so they are kept from whichever statement comes, in whichever order.
 */
function newer(column: 'status' | 'reason' | 'revision') {
  const wins = sql`excluded.revision > ${certificate.revision} OR (excluded.revision = ${certificate.revision} AND excluded.status <> 'active')`;
  return sql`CASE WHEN ${wins} THEN ${sql.raw(`excluded.${column}`)} ELSE ${certificate[column]} END`;
}

/** The index of certificates. It decides nothing; the account does. */
export class Certificates implements Contract {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async index({ statusAt, ...row }: CertificateRow): Promise<void> {
    await this.#db
      .insert(certificate)
      .values({ ...row, revision: statusAt })
      .onConflictDoUpdate({
        target: certificate.serial,
        set: {
          status: newer('status'),
          reason: newer('reason'),
          revision: newer('revision'),
          notAfter: sql`COALESCE(${certificate.notAfter}, excluded.not_after)`,
          evidence: sql`COALESCE(${certificate.evidence}, excluded.evidence)`,
        },
      });
  }

  async revoked(endedAfter: number): Promise<readonly CertificateRow[]> {
    const rows = await this.#db
      .select()
      .from(certificate)
      .where(and(ne(certificate.status, 'active'), gt(certificate.notAfter, endedAfter)));
    return rows.map(({ revision, status, ...row }) => ({
      ...row,
      status: status as CertificateRow['status'],
      statusAt: revision,
    }));
  }
}
