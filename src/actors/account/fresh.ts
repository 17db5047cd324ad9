import type { Turn } from '../port.ts';
import type { Freshness } from './command.ts';

/** A device renews with its identity key alone for this long after it last showed its hardware, ms. */
export const FRESH_MS = 30 * 86_400_000;
/** What is granted once past that, ms: nobody has to show anything while a call rings. */
export const OVERDUE_MS = 86_400_000;

interface FreshRow {
  readonly shown_at: number;
  readonly counter: number;
  readonly overdue_at: number | null;
}

export type Standing =
  | { readonly ok: true; /** When the next proof is due, ms. */ readonly freshBy: number; readonly overdue: boolean }
  | { readonly ok: false; readonly reason: 'proof-due' | 'fresh-counter' };

/**
 * Takes what a renewal shows of the hardware, or says that more is due. In one turn with the intent: a counter is compared
 * and set by nobody else in between, and the overdue day is granted once until the hardware was shown again.
 */
export function takeFresh(t: Turn, device: string, { since, shown, counter }: Freshness): Standing {
  const kept = t.all<FreshRow>(
    `SELECT shown_at, counter, overdue_at FROM account_fresh WHERE actor = ?1 AND device = ?2`,
    device,
  )[0];
  const row = kept ?? { shown_at: since, counter: 0, overdue_at: null };
  if (shown === 'assertion' && !grew(row.counter, counter)) return { ok: false, reason: 'fresh-counter' };
  if (shown === 'assertion' || shown === 'evidence') {
    save(t, device, { shown_at: t.now, counter, overdue_at: null });
    return { ok: true, freshBy: t.now + FRESH_MS, overdue: false };
  }
  const freshBy = row.shown_at + FRESH_MS;
  if (t.now < freshBy) return { ok: true, freshBy, overdue: false };
  if (shown !== 'overdue' || row.overdue_at !== null) return { ok: false, reason: 'proof-due' };
  save(t, device, { ...row, overdue_at: t.now });
  return { ok: true, freshBy, overdue: true };
}

/** A credential without a counter always says zero. */
function grew(before: number, now: number): boolean {
  return now > before || (now === 0 && before === 0);
}

function save(t: Turn, device: string, { shown_at, counter, overdue_at }: FreshRow): void {
  t.run(
    `INSERT INTO account_fresh (actor, device, shown_at, counter, overdue_at) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (actor, device) DO UPDATE SET shown_at = excluded.shown_at, counter = excluded.counter, overdue_at = excluded.overdue_at`,
    device,
    shown_at,
    counter,
    overdue_at,
  );
}
