import { PROOFS_PAGE } from '../../protocol/call.ts';
import type { Turn } from '../port.ts';

/** One entry of a group's log. Its place is given once, so an entry is never another one's. */
export function keepProof(t: Turn, place: number, proof: string): void {
  t.run(`INSERT INTO call_proof (actor, place, proof) VALUES (?1, ?2, ?3)`, place, proof);
}

/** Entries from `after` on, at least one if there is one, and no more than a page. */
export function proofsAfter(t: Turn, after: number): string[] {
  const page: string[] = [];
  let room = PROOFS_PAGE;
  const rows = t.all<{ proof: string }>(
    `SELECT proof FROM call_proof WHERE actor = ?1 AND place >= ?2 ORDER BY place LIMIT 256`,
    after,
  );
  for (const { proof } of rows) {
    room -= proof.length;
    if (page.length > 0 && room < 0) break;
    page.push(proof);
  }
  return page;
}
