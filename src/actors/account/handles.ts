import { takeToken } from '../../calls/bucket.ts';
import { TOPIC } from '../../protocol/courier.ts';
import type { HandleNews } from '../../protocol/handle.ts';
import { record } from '../events.ts';
import type { Json, Turn } from '../port.ts';
import { isActive } from './activity.ts';
import { bucketOf, saveBucket } from './buckets.ts';
import type { AccountCommand } from './command.ts';
import { tellDevices } from './notice.ts';
import { pendingRecovery } from './recovery.ts';

const COLUMNS = 'handle, salt, commitment, verified_at AS verifiedAt, hidden';

interface HandleRow {
  readonly handle: string;
  readonly salt: string;
  readonly commitment: string;
  readonly verifiedAt: number;
  readonly hidden: number;
}

export function handlesOf(t: Turn): Json {
  const rows = t.all<HandleRow>(`SELECT ${COLUMNS} FROM account_handle WHERE actor = ?1 ORDER BY handle`);
  return { ok: true, handles: rows.map((row) => ({ ...row, hidden: row.hidden === 1 })) };
}

/** Before a code goes out in this account's name: how often it may, and whether its handles are for tests. */
export function prove(t: Turn, { test, limit }: AccountCommand & { do: 'prove' }): Json {
  if (isOther(t, test)) return { ok: false, reason: 'test-handle' };
  if (pendingRecovery(t)) return { ok: false, reason: 'recovery-pending' };
  const taken = takeToken(bucketOf(t, 'code'), limit, t.now);
  saveBucket(t, 'code', taken.bucket);
  if (taken.ok) return { ok: true };
  return { ok: false, reason: 'too-many-codes', retryAfterMs: taken.retryAfterMs };
}

/** Handles for tests and real ones never stand on one account. */
function isOther(t: Turn, test: boolean): boolean {
  const rows = t.all<{ n: number }>(
    `SELECT COUNT(*) AS n FROM account_handle WHERE actor = ?1 AND (method = 'test') <> ?2`,
    test ? 1 : 0,
  );
  return (rows[0]?.n ?? 0) > 0;
}

export function isForTests(t: Turn): boolean {
  return t.all(`SELECT 1 FROM account_handle WHERE actor = ?1 AND method = 'test'`).length > 0;
}

/** A handle this account proved. Who it belongs to is decided in the directory; the salt is kept here. */
export function addHandle(t: Turn, command: AccountCommand & { do: 'handle' }): Json {
  t.run(
    `INSERT INTO account_handle (actor, handle, salt, commitment, method, verified_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
     ON CONFLICT (actor, handle) DO UPDATE SET verified_at = excluded.verified_at, method = excluded.method`,
    command.handle,
    command.salt,
    command.commitment,
    command.method,
    command.verifiedAt,
  );
  record(t, { type: 'handle.verified', severity: 'info', subject: t.self.name, reason: command.method });
  const kept = t.all<HandleRow>(
    `SELECT ${COLUMNS} FROM account_handle WHERE actor = ?1 AND handle = ?2`,
    command.handle,
  );
  return { ok: true, ...kept[0], hidden: kept[0]?.hidden === 1 };
}

/** Whether lookups find it; who has talked with the account, is its contact or shows a capability finds it all the same. */
export function hideHandle(t: Turn, { handle, hidden }: AccountCommand & { do: 'hide-handle' }): Json {
  const changed = t.run(
    `UPDATE account_handle SET hidden = ?3 WHERE actor = ?1 AND handle = ?2`,
    handle,
    hidden ? 1 : 0,
  );
  return changed > 0 ? { ok: true } : { ok: false, reason: 'handle-not-held' };
}

/** The owner gave it up. */
export function dropHandle(t: Turn, { handle }: AccountCommand & { do: 'drop-handle' }): Json {
  const gone = forget(t, handle);
  if (gone) record(t, { type: 'handle.released', severity: 'info', subject: t.self.name });
  return { ok: true };
}

/** Somebody else proved a handle of this account: from when on it may be his (null: at once), and this account's devices hear of it. */
export function contested(t: Turn, { handle, claim, quarantineMs }: AccountCommand & { do: 'handle-contested' }): Json {
  const until = isActive(t) ? t.now + quarantineMs : null;
  news(t, { type: 'handle-claimed', handle, until: until ?? t.now }, claim);
  record(t, { type: 'handle.contested', severity: 'notice', subject: t.self.name });
  return { ok: true, until };
}

/** It is another account's now. */
export function lost(t: Turn, { handle, claim }: AccountCommand & { do: 'handle-lost' }): Json {
  if (!forget(t, handle)) return { ok: true };
  news(t, { type: 'handle-lost', handle }, claim);
  record(t, { type: 'handle.lost', severity: 'notice', subject: t.self.name });
  return { ok: true };
}

function forget(t: Turn, handle: string): boolean {
  return t.run(`DELETE FROM account_handle WHERE actor = ?1 AND handle = ?2`, handle) > 0;
}

function news(t: Turn, body: HandleNews, claim: string): void {
  tellDevices(t, TOPIC.account, body, `${body.type}.${claim}`);
}
