import { pushTag } from '../../courier/push-tag.ts';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { takeToken } from '../../calls/bucket.ts';
import { PUSH_TESTS, type PushSubscription } from '../../protocol/push.ts';
import type { Json, Turn } from '../port.ts';
import { loadBucket, saveBucket } from './bucket.ts';
import type { DeviceCommand } from './command.ts';

/** Where this device is pushed to, and the key of its tags. One at a time: a device is one installation of an application. */
export interface Kept {
  readonly subscription: PushSubscription;
  readonly secret: Uint8Array;
  readonly since: number;
}

interface PushRow {
  readonly subscription: string;
  readonly secret: string;
  readonly since: number;
}

export function subscriptionOf(t: Turn): Kept | null {
  const row = t.all<PushRow>(`SELECT subscription, secret, since FROM device_push WHERE actor = ?1`)[0];
  const secret = row && fromBase64url(row.secret);
  return row && secret
    ? { subscription: JSON.parse(row.subscription) as PushSubscription, secret, since: row.since }
    : null;
}

/** Replaces what was there; the same again keeps its time. */
export function subscribe(t: Turn, { subscription, secret }: DeviceCommand & { do: 'push-subscribe' }): Json {
  t.run(
    `INSERT INTO device_push (actor, subscription, secret, since) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (actor) DO UPDATE SET since = CASE WHEN subscription = excluded.subscription THEN since ELSE excluded.since END,
       subscription = excluded.subscription, secret = excluded.secret`,
    JSON.stringify(subscription),
    secret,
    t.now,
  );
  return showSubscription(t);
}

/** The secret stays here. */
export function showSubscription(t: Turn): Json {
  const kept = subscriptionOf(t);
  return { ok: true, subscription: kept?.subscription ?? null, since: kept?.since ?? null };
}

export function unsubscribe(t: Turn): Json {
  t.run(`DELETE FROM device_push WHERE actor = ?1`);
  return showSubscription(t);
}

/** The push service says that it is over; a newer one that took its place meanwhile is not meant. */
export function forgetGone(t: Turn, gone: PushSubscription): boolean {
  return t.run(`DELETE FROM device_push WHERE actor = ?1 AND subscription = ?2`, JSON.stringify(gone)) > 0;
}

/** A push that the owner asked for: its tag is of no ring. */
export function testPush(t: Turn): Json {
  const kept = subscriptionOf(t);
  if (!kept) return { ok: false, reason: 'no-subscription' };
  const taken = takeToken(loadBucket(t, 'push-test'), PUSH_TESTS, t.now);
  saveBucket(t, 'push-test', taken.bucket);
  if (!taken.ok) return { ok: false, reason: 'push-tests', retryAfterMs: taken.retryAfterMs };
  const tag = pushTag(kept.secret, `test.${base64url(t.random(16))}`, '');
  return { ok: true, subscription: kept.subscription, tag: base64url(tag) };
}
