import { and, gt, lte, ne, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import type { CertificateRow, Certificates as Contract } from './repositories.ts';
import { certificate } from './schema.ts';

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
          status: sql`excluded.status`,
          reason: sql`excluded.reason`,
          revision: sql`excluded.revision`,
          notAfter: sql`COALESCE(excluded.not_after, ${certificate.notAfter})`,
          evidence: sql`COALESCE(excluded.evidence, ${certificate.evidence})`,
        },
        setWhere: lte(certificate.revision, statusAt),
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
