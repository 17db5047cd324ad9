import { RECOVERY } from '../../protocol/recovery.ts';
import type { RecoveryTerms } from '../manifest/recovery.ts';

/** What an account knows when somebody who holds none of its devices wants its handles. Times in ms. */
export interface RecoveryFacts {
  /** In force now. */
  readonly terms: RecoveryTerms;
  /** Commitments of the account's handles that the asker proved, and since when the account has them. */
  readonly proved: readonly { readonly commitment: string; readonly since: number }[];
  readonly vetoedAt: number | null;
}

/**
 * `recovery-never`: its owner wanted none. `recovery-needs-key`: only the recovery key counts. `recovery-handles`: it names no
 * handles, or others than were proved, or one that it has not had for a week. `recovery-vetoed`: a device said no lately.
 */
export type RecoveryReason = 'recovery-never' | 'recovery-needs-key' | 'recovery-handles' | 'recovery-vetoed';

const HOUR = 3_600_000;

/** Whether a recovery may begin, and when it is over if nobody vetoes. An account that names no handles has no such recovery. */
export function judgeRecovery(
  { terms, proved, vetoedAt }: RecoveryFacts,
  now: number,
): { ok: true; dueAt: number } | { ok: false; reason: RecoveryReason } {
  if (terms.policy === 'never') return { ok: false, reason: 'recovery-never' };
  if (terms.keyHash !== null) return { ok: false, reason: 'recovery-needs-key' };
  if (vetoedAt !== null && now < vetoedAt + RECOVERY.afterVetoMs) return { ok: false, reason: 'recovery-vetoed' };
  const old = new Set(proved.filter(({ since }) => now - since >= RECOVERY.handleAgeMs).map((one) => one.commitment));
  if (terms.handles.length === 0 || !terms.handles.every((commitment) => old.has(commitment)))
    return { ok: false, reason: 'recovery-handles' };
  return { ok: true, dueAt: now + terms.delayHours * HOUR };
}
