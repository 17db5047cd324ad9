import { fromBase64url, base64url } from '../../bytes/base64url.ts';
import { batchEntry } from '../../directory/bundle.ts';
import { keysDigest } from '../../directory/keys-digest.ts';
import { inclusionPath } from '../../directory/merkle.ts';
import {
  BUNDLE,
  type KeyBundle,
  ONE_TIME_LOW,
  type OneTimeBatch,
  type OneTimeKey,
  type OneTimeKeys,
} from '../../protocol/bundle.ts';
import { record } from '../events.ts';
import type { Json, Turn } from '../port.ts';
import type { DeviceCommand } from './command.ts';
import type { Self } from './self.ts';

/** Unspent batches a device may have up. */
const MAX_BATCHES = 4;
/** The owner hears of it when so few are left. */
const TOLD_AT: ReadonlySet<number> = new Set([ONE_TIME_LOW, 10, 5, 0]);

export interface BatchRow {
  readonly batch: string;
  readonly signed: string;
  readonly keys: string;
  readonly next: number;
  readonly count: number;
}

/** A bundle takes the place of the one before. Its key ids were never used before; the same bundle again is the same upload. */
export function publish(t: Turn, self: Self, { bundle, hash, until }: DeviceCommand & { do: 'publish' }): Json {
  const before = t.all<{ bundle: string; hash: string }>(`SELECT bundle, hash FROM device_bundle WHERE actor = ?1`)[0];
  if (before && before.hash !== hash && !isLater(bundle, JSON.parse(before.bundle) as KeyBundle))
    return { ok: false, reason: 'key-id-reused' };
  t.run(
    `INSERT INTO device_bundle (actor, bundle, hash, at) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (actor) DO UPDATE SET bundle = excluded.bundle, hash = excluded.hash, at = excluded.at`,
    JSON.stringify(bundle),
    hash,
    t.now,
  );
  t.post(
    { kind: 'account', name: self.account },
    'published',
    { do: 'published', device: self.device, until },
    t.now + 3_600_000,
  );
  return { ok: true, status: keyStatus(t) };
}

function isLater(bundle: KeyBundle, before: KeyBundle): boolean {
  const own = Math.min(bundle.signedPrekey.keyId, bundle.lastResort.keyId);
  return own > Math.max(before.signedPrekey.keyId, before.lastResort.keyId);
}

/** Stores a batch; the same batch again is the same upload. Key ids only grow. */
export function addOneTime(t: Turn, upload: OneTimeKeys): Json {
  const { batch, keys } = upload;
  const known = t.all(`SELECT 1 FROM device_batch WHERE actor = ?1 AND batch = ?2`, batch.batchId).length > 0;
  if (known) return { ok: true, status: keyStatus(t) };
  if (batch.firstKeyId < nextKeyId(t)) return { ok: false, reason: 'key-id-reused' };
  if (batch.expiresAt <= t.now) return { ok: false, reason: 'batch-expired' };
  if (unspent(t).length >= MAX_BATCHES) return { ok: false, reason: 'too-many-batches' };
  t.run(
    `INSERT INTO device_batch (actor, batch, signed, keys, next, count, expires, first) VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7)`,
    batch.batchId,
    JSON.stringify(batch),
    JSON.stringify(keys),
    batch.count,
    batch.expiresAt,
    batch.firstKeyId,
  );
  t.run(
    `INSERT INTO device_key_id (actor, next) VALUES (?1, ?2) ON CONFLICT (actor) DO UPDATE SET next = excluded.next`,
    batch.firstKeyId + batch.count,
  );
  return { ok: true, status: keyStatus(t) };
}

export function dropOneTime(t: Turn): Json {
  t.run(
    `INSERT INTO device_key_id (actor, next) VALUES (?1, ?2) ON CONFLICT (actor) DO UPDATE SET next = excluded.next`,
    nextKeyId(t),
  );
  t.run(`DELETE FROM device_claim WHERE actor = ?1`);
  t.run(`DELETE FROM device_batch WHERE actor = ?1`);
  return { ok: true, status: keyStatus(t) };
}

/** The lowest id that a one-time key may still have; remembered when its batch is long gone. */
function nextKeyId(t: Turn): number {
  const kept = t.all<{ next: number }>(`SELECT next FROM device_key_id WHERE actor = ?1`)[0]?.next;
  const rows = t.all<{ last: number | null }>(`SELECT MAX(first + count) AS last FROM device_batch WHERE actor = ?1`);
  return Math.max(kept ?? 1, rows[0]?.last ?? 1);
}

export function unspent(t: Turn): BatchRow[] {
  return t.all<BatchRow>(
    `SELECT batch, signed, keys, next, count FROM device_batch WHERE actor = ?1 AND next < count AND expires > ?2 ORDER BY first`,
    t.now,
  );
}

export function keyStatus(t: Turn): Json {
  const bundle = t.all<{ hash: string }>(`SELECT hash FROM device_bundle WHERE actor = ?1`)[0]?.hash ?? null;
  const live = t.all<{ signed: string }>(`SELECT signed FROM device_batch WHERE actor = ?1 AND expires > ?2`, t.now);
  const digest = keysDigest({ bundle, batches: live.map(({ signed }) => JSON.parse(signed) as OneTimeBatch) });
  const batches = unspent(t).map(({ batch, next, count }) => ({ batchId: batch, left: count - next }));
  const left = batches.reduce((sum, one) => sum + one.left, 0);
  return { bundle, batches, left, digest, nextKeyId: nextKeyId(t) };
}

/** The next key of a batch with the proof of its place; it is never given again. */
export function give(t: Turn, self: Self, row: BatchRow, left: number): OneTimeKey {
  const batch = JSON.parse(row.signed) as OneTimeBatch;
  const keys = JSON.parse(row.keys) as string[];
  const entries = keys.map((key, index) =>
    batchEntry(batch.firstKeyId, index, fromBase64url(key) ?? new Uint8Array(BUNDLE.pointBytes)),
  );
  t.run(`UPDATE device_batch SET next = next + 1 WHERE actor = ?1 AND batch = ?2`, row.batch);
  if (TOLD_AT.has(left - 1)) lowStock(t, self, left - 1);
  return { batch, index: row.next, key: keys[row.next] ?? '', path: inclusionPath(entries, row.next).map(base64url) };
}

function lowStock(t: Turn, self: Self, left: number): void {
  if (left === ONE_TIME_LOW) record(t, { type: 'keys.low', severity: 'notice', subject: self.device });
  for (const socket of t.sockets('courier')) socket.send(JSON.stringify({ type: 'keys-low', left }));
}
