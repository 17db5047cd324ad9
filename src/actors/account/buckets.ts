import { type Bucket, type BucketSize, takeToken } from '../../calls/bucket.ts';
import type { Json, Turn } from '../port.ts';

/** Token buckets of this account, by what they limit. */
export function bucketOf(t: Turn, name: string): Bucket | null {
  return t.all<Bucket>(`SELECT tokens, at FROM account_bucket WHERE actor = ?1 AND name = ?2`, name)[0] ?? null;
}

/** Takes one, or says when there will be one. */
export function take(t: Turn, what: string, limit: BucketSize): Json {
  const taken = takeToken(bucketOf(t, what), limit, t.now);
  saveBucket(t, what, taken.bucket);
  return taken.ok ? { ok: true } : { ok: false, reason: 'too-many', retryAfterMs: taken.retryAfterMs };
}

export function saveBucket(t: Turn, name: string, { tokens, at }: Bucket): void {
  t.run(
    `INSERT INTO account_bucket (actor, name, tokens, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (actor, name) DO UPDATE SET tokens = excluded.tokens, at = excluded.at`,
    name,
    tokens,
    at,
  );
}
