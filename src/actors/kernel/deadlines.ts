import type { Address } from '../port.ts';
import type { Memory } from './memory.ts';
import { nameOf, type Store } from './store.ts';

const LONGEST_POSTPONEMENT_MS = 300_000;

/** Every deadline of an actor by its key (ms). */
export function deadlinesOf(store: Store, self: Address, memory: Memory): Map<string, number> {
  return (memory.deadlines ??= new Map(
    store
      .all<{ key: string; at: number }>(`SELECT key, at FROM port_deadline WHERE actor = ?1`, [nameOf(self)])
      .map(({ key, at }) => [key, at]),
  ));
}

/** The earliest deadline of an actor (ms), or null. */
export function nextDeadline(store: Store, self: Address, memory: Memory): number | null {
  let earliest: number | null = null;
  for (const at of deadlinesOf(store, self, memory).values()) if (earliest === null || at < earliest) earliest = at;
  return earliest;
}

/** Sets or clears a deadline; false when it stands so already. */
export function setDeadline(store: Store, self: Address, memory: Memory, key: string, at: number | null): boolean {
  const known = deadlinesOf(store, self, memory);
  if ((known.get(key) ?? null) === at) return false;
  if (at === null) {
    store.run(`DELETE FROM port_deadline WHERE actor = ?1 AND key = ?2`, [nameOf(self), key]);
    known.delete(key);
    return true;
  }
  store.run(
    `INSERT INTO port_deadline (actor, key, at) VALUES (?1, ?2, ?3) ON CONFLICT (actor, key) DO UPDATE SET at = excluded.at, attempt = 0`,
    [nameOf(self), key, at],
  );
  known.set(key, at);
  return true;
}

/** Takes a deadline whose time has come; false when it was moved, cleared or taken before. */
export function takeDeadline(store: Store, self: Address, memory: Memory, key: string, now: number): boolean {
  const due = store.run(`DELETE FROM port_deadline WHERE actor = ?1 AND key = ?2 AND at <= ?3`, [
    nameOf(self),
    key,
    now,
  ]);
  if (due > 0) memory.deadlines?.delete(key);
  return due > 0;
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
export function postpone(store: Store, self: Address, memory: Memory, key: string, now: number): void {
  memory.forget();
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
