/** A token bucket as plain data: `burst` at once, then one per `perMs`. */

export type Bucket = { tokens: number; at: number };
export type BucketSize = { burst: number; perMs: number };

/** Takes one token, or says when there will be one. `bucket` null is a full one. */
export function takeToken(
  bucket: Bucket | null,
  size: BucketSize,
  now: number,
): { ok: true; bucket: Bucket } | { ok: false; bucket: Bucket; retryAfterMs: number } {
  return takeTokens(bucket, size, now, 1);
}

/** So many of them at once, which need not be whole. */
export function takeTokens(
  bucket: Bucket | null,
  { burst, perMs }: BucketSize,
  now: number,
  many: number,
): ReturnType<typeof takeToken> {
  const grown = bucket === null ? burst : Math.min(burst, bucket.tokens + Math.max(0, now - bucket.at) / perMs);
  if (grown < many)
    return { ok: false, bucket: { tokens: grown, at: now }, retryAfterMs: Math.ceil((many - grown) * perMs) };
  return { ok: true, bucket: { tokens: grown - many, at: now } };
}
