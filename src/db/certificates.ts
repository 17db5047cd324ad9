import { and, count, countDistinct, eq, gt, isNull, max, ne, or, type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import type {
  CertificateCounts,
  CertificateQuery,
  CertificateRow,
  Certificates as Contract,
  DeviceSummary,
} from './repositories.ts';
import { certificate } from './schema.ts';

/**
 * What a statement may change: a later one, and of two at the same moment the one that takes the certificate out of force.
 * End and evidence never change once known, so they are kept from whichever statement comes, in whichever order.
 */
function newer(column: 'status' | 'reason' | 'revision') {
  const wins = sql`excluded.revision > ${certificate.revision} OR (excluded.revision = ${certificate.revision} AND excluded.status <> 'active')`;
  return sql`CASE WHEN ${wins} THEN ${sql.raw(`excluded.${column}`)} ELSE ${certificate[column]} END`;
}

/** Of one sweep: the next one goes on. */
const SWEPT = 300;

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
          issuer: sql`COALESCE(${certificate.issuer}, excluded.issuer)`,
        },
      });
  }

  async revoked(endedAfter: number, issuer: string): Promise<readonly CertificateRow[]> {
    const rows = await this.#db
      .select()
      .from(certificate)
      .where(
        and(
          ne(certificate.status, 'active'),
          gt(certificate.notAfter, endedAfter),
          or(eq(certificate.issuer, issuer), isNull(certificate.issuer)),
        ),
      );
    return rows.map(rowOf);
  }

  async search(query: CertificateQuery, after: string, limit: number): Promise<readonly CertificateRow[]> {
    const rows = await this.#db
      .select()
      .from(certificate)
      .where(and(gt(certificate.serial, after), ...wanted(query)))
      .orderBy(certificate.serial)
      .limit(limit);
    return rows.map(rowOf);
  }

  async devices(query: CertificateQuery, after: string, limit: number): Promise<readonly DeviceSummary[]> {
    const rows = await this.#db
      .select({
        device: certificate.device,
        account: max(certificate.account),
        /** In the order of the alphabet: active, removed, revoked. */
        status: max(certificate.status),
        statusAt: max(certificate.revision),
        certificates: count(),
        notAfter: max(certificate.notAfter),
      })
      .from(certificate)
      .where(and(gt(certificate.device, after), ...wanted(query)))
      .groupBy(certificate.device)
      .orderBy(certificate.device)
      .limit(limit);
    return rows.map(({ status, statusAt, ...row }) => ({
      ...row,
      status: status as CertificateRow['status'],
      statusAt: statusAt ?? 0,
    }));
  }

  async sweep(endedBefore: number): Promise<void> {
    const over = sql`(SELECT serial FROM certificate WHERE not_after < ${endedBefore} ORDER BY not_after LIMIT ${SWEPT})`;
    await this.#db.delete(certificate).where(sql`serial IN ${over}`);
  }

  async count(now: number): Promise<CertificateCounts> {
    const is = (status: string) => sql<number>`COALESCE(SUM(${certificate.status} = ${status}), 0)`;
    const active = sql`${certificate.status} = 'active'`;
    const [row] = await this.#db
      .select({
        accounts: countDistinct(certificate.account),
        devices: countDistinct(certificate.device),
        inForce: sql<number>`COALESCE(SUM(${active} AND ${certificate.notAfter} > ${now}), 0)`,
        ended: sql<number>`COALESCE(SUM(${active} AND ${certificate.notAfter} <= ${now}), 0)`,
        revoked: is('revoked'),
        removed: is('removed'),
      })
      .from(certificate);
    return row ?? { accounts: 0, devices: 0, inForce: 0, ended: 0, revoked: 0, removed: 0 };
  }
}

function wanted({ account, device, serial, evidence, status }: CertificateQuery): SQL[] {
  const given = { account, device, serial, evidence, status };
  return Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [eq(certificate[name as keyof CertificateQuery], value)],
  );
}

function rowOf({ revision, status, ...row }: typeof certificate.$inferSelect): CertificateRow {
  return { ...row, status: status as CertificateRow['status'], statusAt: revision };
}
