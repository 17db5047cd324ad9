import type { Head } from '../../directory/manifest/head.ts';
import type { Json, Turn } from '../port.ts';

/** The verified head of this account's chain; null: there is no such account. */
export function headOf(t: Turn): Head | null {
  return t.recall('account_head', 'head', () => {
    const kept = t.all<{ head: string }>(`SELECT head FROM account_head WHERE actor = ?1`)[0];
    return kept ? (JSON.parse(kept.head) as Head) : null;
  });
}

/** Signed versions after `version`, oldest first. */
export function manifestsAfter(t: Turn, version: number): Json[] {
  return t
    .all<{ signed: string }>(
      `SELECT signed FROM account_manifest WHERE actor = ?1 AND version > ?2 ORDER BY version`,
      Math.max(0, version),
    )
    .map(({ signed }) => JSON.parse(signed) as Json);
}
