import { fromBase64url, base64url } from '../../bytes/base64url.ts';
import { batchEntry } from '../../directory/bundle.ts';
import { inclusionPath } from '../../directory/merkle.ts';
import { takeToken } from '../../calls/bucket.ts';
import { BUNDLE, type OneTimeBatch, type OneTimeKey, type OneTimeKeys } from '../../protocol/bundle.ts';
import type { Party } from '../../protocol/call.ts';
import { record } from '../events.ts';
import type { Json, Turn } from '../port.ts';
import type { DeviceCommand } from './command.ts';
import type { Self } from './self.ts';

/** Keys that one caller device may take of this one: six at once, then one per ten minutes. */
const CLAIMS = { burst: 6, perMs: 600_000 };
/** The last fifth of the keys is for callers that have called before. */
const RESERVED_SHARE = 0.2;
/** The owner hears of it when so few are left. */
const LOW_STOCK = 25;
/** Unspent batches a device may have up. */
const MAX_BATCHES = 4;

interface BatchRow {
  readonly batch: string;
  readonly signed: string;
  readonly keys: string;
  readonly next: number;
  readonly count: number;
}

export function publish(t: Turn, self: Self, { bundle, hash }: DeviceCommand & { do: 'publish' }): Json {
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
    { do: 'published', device: self.device },
    t.now + 3_600_000,
  );
  return { ok: true, status: keyStatus(t) };
}

/** Stores a batch; the same batch again is the same upload. Key ids only grow. */
export function addOneTime(t: Turn, upload: OneTimeKeys): Json {
  const { batch, keys } = upload;
  const known = t.all(`SELECT 1 FROM device_batch WHERE actor = ?1 AND batch = ?2`, batch.batchId).length > 0;
  if (known) return { ok: true, status: keyStatus(t) };
  const highest =
    t.all<{ last: number | null }>(`SELECT MAX(first + count) AS last FROM device_batch WHERE actor = ?1`)[0]?.last ??
    0;
  if (batch.firstKeyId < highest) return { ok: false, reason: 'key-id-reused' };
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
  return { ok: true, status: keyStatus(t) };
}

function unspent(t: Turn): BatchRow[] {
  return t.all<BatchRow>(
    `SELECT batch, signed, keys, next, count FROM device_batch WHERE actor = ?1 AND next < count AND expires > ?2 ORDER BY first`,
    t.now,
  );
}

export function keyStatus(t: Turn): Json {
  const bundle = t.all<{ hash: string }>(`SELECT hash FROM device_bundle WHERE actor = ?1`)[0]?.hash ?? null;
  const batches = unspent(t).map(({ batch, next, count }) => ({ batchId: batch, left: count - next }));
  return { bundle, batches, left: batches.reduce((sum, { left }) => sum + left, 0) };
}

/**
 * The bundle, and with `claim` a one-time key (G9): given once, the same again for the same request of the same caller
 * device as long as its batch lives, and none rather than an error when there is none to give.
 */
export function keysFor(
  t: Turn,
  self: Self,
  { caller, request, claim, known }: DeviceCommand & { do: 'keys-for' },
): Json {
  const published = t.all<{ bundle: string }>(`SELECT bundle FROM device_bundle WHERE actor = ?1`)[0];
  if (!published || self.revokedAt !== null) return { ok: false, reason: 'no-bundle' };
  const bundle = JSON.parse(published.bundle) as Json;
  if (!claim) return { ok: true, bundle, oneTime: null };
  return { ok: true, bundle, oneTime: claimed(t, self, caller, request, known) as Json };
}

function claimed(t: Turn, self: Self, caller: Party, request: string, known: boolean): OneTimeKey | null {
  const before = t.all<{ answer: string }>(
    `SELECT answer FROM device_claim WHERE actor = ?1 AND caller = ?2 AND request = ?3`,
    caller.device,
    request,
  )[0];
  if (before) return JSON.parse(before.answer) as OneTimeKey | null;
  forgetSpent(t);
  const batches = unspent(t);
  const left = batches.reduce((sum, row) => sum + row.count - row.next, 0);
  const total = batches.reduce((sum, row) => sum + row.count, 0);
  const reserved = !known && left <= Math.floor(total * RESERVED_SHARE);
  const row = batches[0];
  const given = row && !reserved && allowed(t, caller) ? give(t, row) : null;
  t.run(
    `INSERT INTO device_claim (actor, caller, request, answer, batch, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`,
    caller.device,
    request,
    JSON.stringify(given),
    given ? given.batch.batchId : null,
    t.now,
  );
  if (given && left - 1 === LOW_STOCK) lowStock(t, self, left - 1);
  return given;
}

/** One bucket per caller device; closed when it is empty. */
function allowed(t: Turn, caller: Party): boolean {
  const kept =
    t.all<{ tokens: number; at: number }>(
      `SELECT tokens, at FROM device_bucket WHERE actor = ?1 AND name = ?2`,
      `claim ${caller.device}`,
    )[0] ?? null;
  const taken = takeToken(kept, CLAIMS, t.now);
  t.run(
    `INSERT INTO device_bucket (actor, name, tokens, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (actor, name) DO UPDATE SET tokens = excluded.tokens, at = excluded.at`,
    `claim ${caller.device}`,
    taken.bucket.tokens,
    taken.bucket.at,
  );
  return taken.ok;
}

/** The next key of a batch with the proof of its place; the key itself is forgotten here. */
function give(t: Turn, row: BatchRow): OneTimeKey {
  const batch = JSON.parse(row.signed) as OneTimeBatch;
  const keys = JSON.parse(row.keys) as string[];
  const entries = keys.map((key, index) =>
    batchEntry(batch.firstKeyId, index, fromBase64url(key) ?? new Uint8Array(BUNDLE.pointBytes)),
  );
  t.run(`UPDATE device_batch SET next = next + 1 WHERE actor = ?1 AND batch = ?2`, row.batch);
  return { batch, index: row.next, key: keys[row.next] ?? '', path: inclusionPath(entries, row.next).map(base64url) };
}

/** Batches that ended take their claims with them. */
function forgetSpent(t: Turn): void {
  t.run(
    `DELETE FROM device_claim WHERE actor = ?1 AND batch IN (SELECT batch FROM device_batch WHERE actor = ?1 AND expires <= ?2)`,
    t.now,
  );
  t.run(`DELETE FROM device_batch WHERE actor = ?1 AND expires <= ?2`, t.now);
}

function lowStock(t: Turn, self: Self, left: number): void {
  record(t, { type: 'keys.low', severity: 'notice', subject: self.device });
  for (const socket of t.sockets('courier')) socket.send(JSON.stringify({ type: 'keys-low', left }));
}
