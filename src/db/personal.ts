import { and, eq, inArray, isNotNull, lt, sql } from 'drizzle-orm';
import { commit, type Database } from './database.ts';
import type { Erasure, Personal } from './repositories.ts';
import {
  certificate,
  endorsementUse,
  erasure,
  event,
  evidence,
  evidenceIndex,
  handle,
  heldEnrollment,
  keyOwner,
  rejudgeFinding,
  verification,
} from './schema.ts';

/** How long an erasure that is done is remembered. */
const REMEMBERED_MS = 30 * 86_400_000;
/** A certificate's entry stays as long as a list must name it. */
const LISTED_MS = 91 * 86_400_000;

/** What these tables hold of one account: to give it to its owner, and to erase it. */
export class PersonalRows implements Personal {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async export(account: string): Promise<Readonly<Record<string, readonly object[]>>> {
    const db = this.#db;
    const own = await db
      .select({
        id: evidence.id,
        device: evidence.device,
        format: evidence.format,
        verdict: evidence.verdict,
        policy: evidence.policy,
        judgedAt: evidence.judgedAt,
        keepUntil: evidence.keepUntil,
      })
      .from(evidence)
      .where(eq(evidence.account, account));
    const hashes = sql`SELECT id FROM evidence WHERE account = ${account}`;
    const devices = sql`SELECT device FROM evidence WHERE account = ${account}`;
    /** Compared whole: D1 takes no LIKE pattern of more than 50 bytes. */
    const chain = `account/${account}/`;
    return {
      handle: await db.select().from(handle).where(eq(handle.account, account)),
      verification: await db
        .select({
          id: verification.id,
          handle: verification.handle,
          device: verification.device,
          expiresAt: verification.expiresAt,
        })
        .from(verification)
        .where(eq(verification.account, account)),
      evidence: own.map((row) => ({ ...row, verdict: JSON.parse(row.verdict) as object })),
      evidence_index: await db
        .select()
        .from(evidenceIndex)
        .where(sql`${evidenceIndex.evidence} IN (${hashes})`),
      endorsement_use: await db
        .select()
        .from(endorsementUse)
        .where(sql`${endorsementUse.device} IN (${devices})`),
      key_owner: await db.select().from(keyOwner).where(eq(keyOwner.account, account)),
      held_enrollment: await db.select().from(heldEnrollment).where(eq(heldEnrollment.account, account)),
      certificate: await db.select().from(certificate).where(eq(certificate.account, account)),
      rejudge_finding: await db.select().from(rejudgeFinding).where(eq(rejudgeFinding.account, account)),
      event: await db
        .select({ id: event.id, at: event.at, type: event.type, reason: event.reason, subject: event.subject })
        .from(event)
        .where(sql`${event.subject} = ${account} OR substr(${event.id}, 1, ${chain.length}) = ${chain}`),
      erasure: await db.select().from(erasure).where(eq(erasure.account, account)),
    };
  }

  async request(account: string, at: number): Promise<void> {
    await this.#db.insert(erasure).values({ account, requestedAt: at, doneAt: null }).onConflictDoNothing();
  }

  async withdraw(account: string): Promise<void> {
    await this.#db.delete(erasure).where(and(eq(erasure.account, account), sql`${erasure.doneAt} IS NULL`));
  }

  async requested(): Promise<readonly Erasure[]> {
    return this.#db
      .select()
      .from(erasure)
      .where(sql`${erasure.doneAt} IS NULL`)
      .orderBy(erasure.requestedAt);
  }

  /** One batch: what names the account goes; the rows that must stay name nobody any more. */
  async erase(account: string, devices: readonly string[]): Promise<void> {
    const db = this.#db;
    const hashes = sql`(SELECT id FROM evidence WHERE account = ${account})`;
    await commit(db, [
      db.delete(verification).where(eq(verification.account, account)),
      db.delete(heldEnrollment).where(eq(heldEnrollment.account, account)),
      db.delete(rejudgeFinding).where(eq(rejudgeFinding.account, account)),
      db.delete(evidenceIndex).where(sql`${evidenceIndex.evidence} IN ${hashes}`),
      db.delete(evidence).where(eq(evidence.account, account)),
      ...(devices.length > 0 ? [db.delete(endorsementUse).where(inArray(endorsementUse.device, [...devices]))] : []),
      db.delete(keyOwner).where(eq(keyOwner.account, account)),
      db.update(certificate).set({ account: null }).where(eq(certificate.account, account)),
      db.update(handle).set({ account: '' }).where(eq(handle.account, account)),
      db.update(handle).set({ claimant: null, claimUntil: null }).where(eq(handle.claimant, account)),
    ]);
  }

  async done(account: string, at: number): Promise<void> {
    await this.#db.update(erasure).set({ doneAt: at }).where(eq(erasure.account, account));
  }

  async sweep(now: number, quarantineMs: number): Promise<void> {
    await commit(this.#db, [
      this.#db.delete(handle).where(and(eq(handle.account, ''), lt(handle.releasedAt, now - quarantineMs))),
      this.#db
        .delete(certificate)
        .where(
          and(
            sql`${certificate.account} IS NULL`,
            isNotNull(certificate.notAfter),
            lt(certificate.notAfter, now - LISTED_MS),
          ),
        ),
      this.#db.delete(erasure).where(and(isNotNull(erasure.doneAt), lt(erasure.doneAt, now - REMEMBERED_MS))),
    ]);
  }
}
