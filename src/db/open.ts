import { eq, sql } from 'drizzle-orm';
import { Certificates } from './certificates.ts';
import { Challenges } from './challenges.ts';
import { database, type D1Shaped, type Database } from './database.ts';
import { Evidences } from './evidences.ts';
import { Feed } from './feed.ts';
import { Handles } from './handles.ts';
import { Inventories } from './inventory.ts';
import { Lists } from './lists.ts';
import { MIGRATIONS } from './migrations.ts';
import { PersonalRows } from './personal.ts';
import { Rejudgings } from './rejudging.ts';
import type { Handles as HandleContract, Repositories } from './repositories.ts';
import { RevocationLists } from './revocation-lists.ts';
import { deployment } from './schema.ts';
import { Verifications } from './verifications.ts';

/** Every repository over one D1, or over what another host has in its place. */
export function openRepositories(d1: D1Shaped): Repositories {
  const db = database(d1);
  const challenges = new Challenges(db);
  const verifications = new Verifications(db);
  return {
    async identity(claimed) {
      await db
        .insert(deployment)
        .values({ id: 1, ...claimed })
        .onConflictDoNothing();
      const [kept] = await db.select().from(deployment).where(eq(deployment.id, 1));
      return kept ? { deployment: kept.deployment, jurisdiction: kept.jurisdiction } : claimed;
    },
    challenges: {
      use: async (nonce, request, expiresAt) => (await challenges.consume({ nonce, request, expiresAt })).ok,
      sweep: async (now) => {
        await challenges.sweep(now);
        await verifications.sweep(now);
      },
    },
    handles: handlesOf(db, verifications),
    evidence: new Evidences(db),
    inventory: new Inventories(db),
    certificates: new Certificates(db),
    revocationLists: new RevocationLists(db),
    lists: new Lists(db),
    rejudging: new Rejudgings(db),
    events: new Feed(db),
    personal: new PersonalRows(db),
    async pendingMigrations() {
      const rows = await db.all<{ name: string }>(sql`SELECT name FROM d1_migrations`);
      const applied = new Set(rows.map(({ name }) => name));
      return MIGRATIONS.filter((name) => !applied.has(name));
    },
  };
}

function handlesOf(db: Database, verifications: Verifications): HandleContract {
  const handles = new Handles(db);
  return {
    begin: (row) => verifications.begin(row),
    attempt: (id, account, now) => verifications.attempt(id, account, now),
    wrongSince: (hash, since) => verifications.wrongSince(hash, since),
    countWrong: (hash, at) => verifications.countWrong(hash, at),
    sentSince: (hash, since) => verifications.sentSince(hash, since),
    countSent: (hash, at) => verifications.countSent(hash, at),
    ended: (id) => verifications.ended(id),
    owners: (hashes) => handles.ownersOf(hashes),
    holding: (hash) => handles.holding(hash),
    contest: (hash, holder, claimant, until) => handles.contest(hash, holder, claimant, until),
    uncontest: (hash, holder, claimant) => handles.uncontest(hash, holder, claimant),
    release: (hash, holder, at, to) => handles.release(hash, holder, at, to),
    async attach(hash, { account, verifiedAt, method }, request, quarantineMs) {
      const told = {
        id: `handle/${request}`,
        at: verifiedAt,
        type: 'handle.attached',
        severity: 'info',
        subject: account,
        reason: method,
        request,
      } as const;
      return handles.claim({ handle: hash, account, method, verifiedAt, request }, told, quarantineMs);
    },
  };
}
