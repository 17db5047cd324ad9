import type { Address } from '../port.ts';
import { nameOf, type Store } from './store.ts';

const LONGEST_POSTPONEMENT_MS = 300_000;

/** The earliest deadline of an actor (ms), or null. */
export function nextDeadline(store: Store, self: Address): number | null {
  return (
    store.all<{ at: number | null }>(`SELECT MIN(at) AS at FROM port_deadline WHERE actor = ?1`, [nameOf(self)])[0]
      ?.at ?? null
  );
}

/** Keys whose time has come, earliest first. */
export function dueKeys(store: Store, self: Address, now: number): string[] {
  return store
    .all<{ key: string }>(`SELECT key FROM port_deadline WHERE actor = ?1 AND at <= ?2 ORDER BY at, key`, [
      nameOf(self),
      now,
    ])
    .map((row) => row.key);
}

/** After a turn that threw on a deadline: it stays, and comes again later each time. Nothing is ever dropped. */
export function postpone(store: Store, self: Address, key: string, now: number): void {
  store.run(
    `UPDATE port_deadline SET attempt = attempt + 1, at = ?3 + MIN(?4, 500 << MIN(attempt, 10)) WHERE actor = ?1 AND key = ?2`,
    [nameOf(self), key, now, LONGEST_POSTPONEMENT_MS],
  );
}

/** Sockets whose `closed` was never told and which are not open: the process died with them. */
export function orphans(store: Store, self: Address, live: { has(id: string): boolean }): string[] {
  return store
    .all<{ id: string }>(`SELECT id FROM port_socket WHERE actor = ?1 ORDER BY opened, id`, [nameOf(self)])
    .map((row) => row.id)
    .filter((id) => !live.has(id));
}
