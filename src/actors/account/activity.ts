import { ACCOUNT_ACTIVE_MS } from '../../protocol/handle.ts';
import type { Turn } from '../port.ts';

const DAY_MS = 86_400_000;

/** Some device of the account asked for something; written once a day, so that reading stays reading. */
export function seen(t: Turn): void {
  const at = lastSeen(t);
  if (at !== null && t.now < at + DAY_MS) return;
  t.run(
    `INSERT INTO account_seen (actor, at) VALUES (?1, ?2) ON CONFLICT (actor) DO UPDATE SET at = excluded.at`,
    t.now,
  );
}

/** Whether anybody is at home: a handle of who is not may go to whoever has the number now. */
export function isActive(t: Turn): boolean {
  const at = lastSeen(t);
  return at !== null && t.now - at < ACCOUNT_ACTIVE_MS;
}

function lastSeen(t: Turn): number | null {
  return t.all<{ at: number }>(`SELECT at FROM account_seen WHERE actor = ?1`)[0]?.at ?? null;
}

/** When the account was made, ms. */
export function madeAt(t: Turn): number {
  const first = t.all<{ at: number }>(`SELECT at FROM account_manifest WHERE actor = ?1 AND version = 1`)[0];
  return first?.at ?? t.now;
}
