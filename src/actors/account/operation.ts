import type { Json, Turn } from '../port.ts';

/**
 * Requests that carried an Idempotency-Key: `open` while the first one is at work, then `done` with its answer. What the
 * request does is recognized by its own store, so an open row only spares double work: it holds for OPEN_MS, and a process
 * that died in between holds nobody up for longer.
 */
export interface Operation {
  /** Unique per device, route and key. */
  readonly id: string;
  /** SHA-256 of the request, base64url. */
  readonly fingerprint: string;
  /** False: the answer is not kept, because the same request makes the same one again. */
  readonly kept: boolean;
}

/** As HTTP said it. */
export interface KeptAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export type Begun =
  | { readonly begun: 'new' }
  | { readonly begun: 'answered'; readonly answer: KeptAnswer }
  | { readonly begun: 'in-progress'; readonly retryAfterMs: number }
  | { readonly begun: 'another-request' };

export const OPEN_MS = 5_000;
export const OPERATION_KEEP_MS = 24 * 3_600_000;
/** Per device; the oldest go first. */
export const MOST_OPERATIONS = 256;

interface Row {
  readonly fingerprint: string;
  readonly open_until: number;
  readonly answer: string | null;
}

export function begin(t: Turn, device: string, { id, fingerprint, kept }: Operation): Begun {
  t.run(`DELETE FROM account_operation WHERE actor = ?1 AND until <= ?2`, t.now);
  const row = t.all<Row>(
    `SELECT fingerprint, open_until, answer FROM account_operation WHERE actor = ?1 AND device = ?2 AND id = ?3`,
    device,
    id,
  )[0];
  if (row && row.fingerprint !== fingerprint) return { begun: 'another-request' };
  if (row?.answer) return { begun: 'answered', answer: JSON.parse(row.answer) as KeptAnswer };
  if (row && row.open_until > t.now) return { begun: 'in-progress', retryAfterMs: row.open_until - t.now };
  if (!row) makeRoom(t, device);
  t.run(
    `INSERT INTO account_operation (actor, device, id, fingerprint, open_until, answer, until) VALUES (?1, ?2, ?3, ?4, ?5, NULL, ?6)
     ON CONFLICT (actor, device, id) DO UPDATE SET open_until = excluded.open_until`,
    device,
    id,
    fingerprint,
    kept ? t.now + OPEN_MS : 0,
    t.now + OPERATION_KEEP_MS,
  );
  return { begun: 'new' };
}

function makeRoom(t: Turn, device: string): void {
  t.run(
    `DELETE FROM account_operation WHERE actor = ?1 AND device = ?2 AND id IN
       (SELECT id FROM account_operation WHERE actor = ?1 AND device = ?2 ORDER BY until DESC, id LIMIT -1 OFFSET ?3)`,
    device,
    MOST_OPERATIONS - 1,
  );
}

/** The first answer stands, and everybody who asked with this key gets it. Null: there is none, and the next may try at once. */
export function conclude(t: Turn, device: string, id: string, answer: KeptAnswer | null): Json {
  t.run(
    `UPDATE account_operation SET open_until = 0, answer = ?4 WHERE actor = ?1 AND device = ?2 AND id = ?3 AND answer IS NULL`,
    device,
    id,
    answer === null ? null : JSON.stringify(answer),
  );
  const kept = t.all<{ answer: string | null }>(
    `SELECT answer FROM account_operation WHERE actor = ?1 AND device = ?2 AND id = ?3`,
    device,
    id,
  )[0];
  return { ok: true, answer: kept?.answer ? (JSON.parse(kept.answer) as Json) : null };
}
