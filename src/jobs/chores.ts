import type { Issuer } from '../ca/authority.ts';
import type { Repositories } from '../db/repositories.ts';
import { currentRevocationList } from './revocation-list.ts';

/** One piece of periodic housekeeping; safe to repeat and to miss. */
export interface Chore {
  readonly name: string;
  readonly work: (now: number) => Promise<void>;
}

/** The same on every host, every five minutes. */
export function chores(issuer: Issuer, db: Repositories): readonly Chore[] {
  return [
    { name: 'used-challenges', work: (now) => db.challenges.sweep(now) },
    {
      name: 'revocation-list',
      work: async (now) => {
        await currentRevocationList(issuer, db, now);
      },
    },
  ];
}
