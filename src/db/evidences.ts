import { and, eq, ne, sql } from 'drizzle-orm';
import { commit, type Database, type Statement } from './database.ts';
import type { Evidence, EvidenceRow, Kept, Standing } from './repositories.ts';
import { endorsementUse, evidence, evidenceIndex, keyOwner } from './schema.ts';

/** Three values each; D1 binds at most a hundred. */
const INDEX_ROWS = 30;
/** Of one sweep: the next one goes on. */
const SWEPT = 300;

const NOTHING: Standing = { index: [], keys: [], endorsement: null };

/** Evidence as it was judged, sealed, for the certificate's life and 30 days more. */
export class Evidences implements Evidence {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async put(row: EvidenceRow, { index, keys, endorsement }: Standing = NOTHING): Promise<Kept> {
    const { hash: id, sealed: body, at: judgedAt, posture, ...rest } = row;
    const held = await commit(this.#db, [
      this.#db
        .insert(evidence)
        .values({ id, body, judgedAt, request: id, posture: posture ? 1 : 0, ...rest })
        .onConflictDoNothing(),
      ...this.#indexed(id, index),
      ...keys.map((key) => this.#owned(key, row.account ?? '')),
      ...(endorsement ? this.#counted(endorsement, row.device, judgedAt) : []),
    ]);
    if (held === null) return { ok: true };
    if (held.table === 'key_owner') return { ok: false, held: 'key-in-use' };
    if (held.table === 'endorsement_use') return { ok: false, held: 'evidence-cap' };
    throw new Error(`${held.table}.${held.column} was not filled`);
  }

  async keep(hash: string, notAfter: number, until: number): Promise<void> {
    const device = sql`(SELECT device FROM evidence WHERE id = ${hash})`;
    await commit(this.#db, [
      this.#db
        .update(evidence)
        .set({ keepUntil: sql`MAX(${evidence.keepUntil}, ${until})` })
        .where(eq(evidence.id, hash)),
      this.#db
        .update(endorsementUse)
        .set({ until: sql`MAX(${endorsementUse.until}, ${notAfter})` })
        .where(eq(endorsementUse.device, device)),
    ]);
  }

  async sweep(now: number): Promise<void> {
    const standing = sql`SELECT 1 FROM certificate WHERE certificate.evidence = evidence.id AND certificate.status = 'active' AND certificate.not_after > ${now}`;
    const over = sql`(SELECT id FROM evidence WHERE keep_until <= ${now} AND NOT EXISTS (${standing}) ORDER BY keep_until, id LIMIT ${SWEPT})`;
    await commit(this.#db, [
      this.#db.delete(evidenceIndex).where(sql`evidence IN ${over}`),
      this.#db.delete(evidence).where(sql`id IN ${over}`),
    ]);
  }

  async get(hash: string): Promise<EvidenceRow | null> {
    const [row] = await this.#db.select().from(evidence).where(eq(evidence.id, hash));
    if (!row) return null;
    const { id, body, judgedAt, request: _request, posture, ...rest } = row;
    return { hash: id, sealed: body, at: judgedAt, posture: posture === 1, ...rest };
  }

  #indexed(id: string, entries: Standing['index']): Statement[] {
    const rows = entries.map((entry) => ({ ...entry, evidence: id }));
    const chunks = Array.from({ length: Math.ceil(rows.length / INDEX_ROWS) }, (_, i) =>
      rows.slice(i * INDEX_ROWS, (i + 1) * INDEX_ROWS),
    );
    return chunks.map((chunk) => this.#db.insert(evidenceIndex).values(chunk).onConflictDoNothing());
  }

  /** Another account's key stays another account's: the NOT NULL account aborts the batch. */
  #owned(key: Standing['keys'][number], account: string): Statement {
    return this.#db
      .insert(keyOwner)
      .values({ ...key, account })
      .onConflictDoUpdate({
        target: [keyOwner.kind, keyOwner.value],
        set: { account: sql`CASE WHEN ${keyOwner.account} = excluded.account THEN ${keyOwner.account} END` },
      });
  }

  /** Devices whose certificate ended or was revoked make room first; the NOT NULL permission aborts when there is none. */
  #counted({ key, most, until }: NonNullable<Standing['endorsement']>, device: string, now: number): Statement[] {
    const ended = sql`(${endorsementUse.until} <= ${now} OR EXISTS (SELECT 1 FROM certificate WHERE certificate.device = ${endorsementUse.device} AND certificate.status <> 'active'))`;
    const others = sql`(SELECT COUNT(*) FROM endorsement_use WHERE endorsement = ${key} AND device <> ${device})`;
    return [
      this.#db
        .delete(endorsementUse)
        .where(and(eq(endorsementUse.endorsement, key), ne(endorsementUse.device, device), ended)),
      this.#db
        .insert(endorsementUse)
        .values({ endorsement: key, device, until, allowed: sql`CASE WHEN ${others} < ${most} THEN 1 END` })
        .onConflictDoUpdate({
          target: [endorsementUse.endorsement, endorsementUse.device],
          set: { until: sql`MAX(${endorsementUse.until}, excluded.until)` },
        }),
    ];
  }
}
