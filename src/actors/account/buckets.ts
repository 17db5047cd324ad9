import { type Bucket, type BucketSize, takeToken } from '../../calls/bucket.ts';
import type { Json, Turn } from '../port.ts';

/** A bucket that a request draws from: its row's name, and what it holds. */
export interface Draw extends BucketSize {
  readonly name: string;
}

/** What is left of one bucket after a draw, in the order they were asked. */
export interface Drawn {
  readonly left: number;
  /** When there is a token again where none was left, else when the bucket is full again, ms. */
  readonly resetMs: number;
}

/** Every bucket here is full again after this long, ms. */
const FULL_AFTER_MS = 86_400_000;

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

/** Buckets that nobody drew from for a day are full again, and go. */
export function saveBucket(t: Turn, name: string, { tokens, at }: Bucket): void {
  t.run(`DELETE FROM account_bucket WHERE actor = ?1 AND at <= ?2`, t.now - FULL_AFTER_MS);
  t.run(
    `INSERT INTO account_bucket (actor, name, tokens, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (actor, name) DO UPDATE SET tokens = excluded.tokens, at = excluded.at`,
    name,
    tokens,
    at,
  );
}

/** One token of each bucket or of none; where one has none left, nothing is written. */
export function draw(
  t: Turn,
  draws: readonly Draw[],
): { ok: true; drawn: Drawn[] } | { ok: false; retryAfterMs: number } {
  const taken = draws.map((size) => ({ size, take: takeToken(bucketOf(t, size.name), size, t.now) }));
  for (const { take } of taken) if (!take.ok) return { ok: false, retryAfterMs: take.retryAfterMs };
  const drawn = taken.map(({ size, take }) => {
    saveBucket(t, size.name, take.bucket);
    return leftOf(take.bucket, size);
  });
  return { ok: true, drawn };
}

export function leftOf({ tokens }: Bucket, { burst, perMs }: BucketSize): Drawn {
  return { left: Math.floor(tokens), resetMs: Math.ceil((burst - tokens) * perMs) };
}
