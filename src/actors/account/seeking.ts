import { takeToken } from '../../calls/bucket.ts';
import { record } from '../events.ts';
import type { Json, Turn } from '../port.ts';
import { madeAt } from './activity.ts';
import { bucketOf, saveBucket } from './buckets.ts';
import type { AccountCommand } from './command.ts';
import { isForTests } from './handles.ts';
import { hasCalled } from './lookup.ts';
import { policyOf } from './policy.ts';

const DAY_MS = 86_400_000;

/** What the deployment allows; its configuration. */
export interface SeekLimits {
  /** Handles in a minute, all devices of the account together. */
  readonly perMinute: number;
  /** Different handles of strangers in 24 h, and for an account younger than `newForMs`. */
  readonly perDay: number;
  readonly perDayNew: number;
  readonly newForMs: number;
}

type Seek = AccountCommand & { do: 'seek' };

/**
 * Before a lookup is answered, in the account that asks: so many handles a minute, and so many different ones of strangers a day.
 * Whether they lead anywhere plays no part, so that the limits say nothing of it; who was talked with, and a contact, is no stranger.
 */
export function seek(t: Turn, { handles, limits }: Seek): Json {
  const speed = { burst: limits.perMinute, perMs: 60_000 / limits.perMinute };
  let bucket = bucketOf(t, 'seek');
  for (const _ of handles) {
    const taken = takeToken(bucket, speed, t.now);
    bucket = taken.bucket;
    if (!taken.ok)
      return { ok: false, reason: 'lookups-per-minute', retryAfterMs: taken.retryAfterMs, quota: limits.perMinute };
  }
  const cap = t.now - madeAt(t) < limits.newForMs ? limits.perDayNew : limits.perDay;
  const refused = strangers(t, handles, cap);
  if (refused) return refused;
  if (bucket) saveBucket(t, 'seek', bucket);
  return { ok: true, test: isForTests(t) };
}

function strangers(t: Turn, handles: Seek['handles'], cap: number): Json {
  t.run(`DELETE FROM account_sought WHERE actor = ?1 AND at <= ?2`, t.now - DAY_MS);
  const contacts = new Set([t.self.name, ...policyOf(t).contacts]);
  const sought = new Set(
    t.all<{ handle: string }>(`SELECT handle FROM account_sought WHERE actor = ?1`).map((row) => row.handle),
  );
  const fresh = new Set(
    handles
      .filter(({ account }) => account === null || !(contacts.has(account) || hasCalled(t, account)))
      .map(({ handle }) => handle)
      .filter((handle) => !sought.has(handle)),
  );
  if (sought.size + fresh.size > cap) return tooMany(t, cap);
  for (const handle of fresh)
    t.run(`INSERT INTO account_sought (actor, handle, at) VALUES (?1, ?2, ?3)`, handle, t.now);
  return null;
}

/** The operator hears of it once in the window. */
function tooMany(t: Turn, cap: number): Json {
  const oldest =
    t.all<{ at: number | null }>(`SELECT MIN(at) AS at FROM account_sought WHERE actor = ?1`)[0]?.at ?? t.now;
  const told = takeToken(bucketOf(t, 'seek told'), { burst: 1, perMs: DAY_MS }, t.now);
  saveBucket(t, 'seek told', told.bucket);
  if (told.ok) record(t, { type: 'lookups.capped', severity: 'notice', subject: t.self.name });
  return { ok: false, reason: 'lookups-per-day', retryAfterMs: oldest + DAY_MS - t.now, quota: cap };
}
