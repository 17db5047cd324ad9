/** A token bucket as plain data: `burst` at once, then one per `perMs`. */

export type Bucket = { tokens: number; at: number };
export type BucketSize = { burst: number; perMs: number };

/** Takes one token, or says when there will be one. `bucket` null is a full one. */
export function takeToken(
  bucket: Bucket | null,
  size: BucketSize,
  now: number,
): { ok: true; bucket: Bucket } | { ok: false; bucket: Bucket; retryAfterMs: number } {
  const { burst, perMs } = size;
  const grown = bucket === null ? burst : Math.min(burst, bucket.tokens + Math.max(0, now - bucket.at) / perMs);
  if (grown < 1) return { ok: false, bucket: { tokens: grown, at: now }, retryAfterMs: Math.ceil((1 - grown) * perMs) };
  return { ok: true, bucket: { tokens: grown - 1, at: now } };
}
