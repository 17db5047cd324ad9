import type { Issuer } from '../ca/authority.ts';
import type { Repositories } from '../db/repositories.ts';
import { type Lists, refreshLists } from './lists/chore.ts';
import { eraseAccounts, type ErasingGround } from './erasure.ts';
import { rejudge, type Rejudge } from './rejudge.ts';
import { currentRevocationList } from './revocation-list.ts';

/** One piece of periodic housekeeping; safe to repeat and to miss. */
export interface Chore {
  readonly name: string;
  readonly work: (now: number) => Promise<void>;
}

/** What housekeeping works with. */
export interface Ground
  extends Lists, Omit<Rejudge, 'db' | 'trust'>, Pick<ErasingGround, 'actors' | 'hashOf' | 'quarantineMs'> {
  readonly issuers: readonly Issuer[];
  readonly db: Repositories;
}

/** Longer than a revocation list names a certificate after its end (91 d), and than its evidence is kept (120 d). */
const INDEX_KEEP_MS = 122 * 86_400_000;

/** The same on every host, every five minutes. */
export function chores(ground: Ground): readonly Chore[] {
  const { issuers, db } = ground;
  return [
    { name: 'used-challenges', work: (now) => db.challenges.sweep(now) },
    { name: 'old-evidence', work: (now) => db.evidence.sweep(now) },
    { name: 'old-certificates', work: (now) => db.certificates.sweep(now - INDEX_KEEP_MS) },
    { name: 'lists', work: (now) => refreshLists(ground, now) },
    { name: 'erasure', work: (now) => eraseAccounts(ground, now) },
    { name: 'rejudge', work: (now) => rejudge(ground, now) },
    {
      name: 'revocation-lists',
      work: async (now) => {
        for (const issuer of issuers) await currentRevocationList(issuer, db, now);
      },
    },
  ];
}
