import type { Bucket } from '../../calls/bucket.ts';
import type { Turn } from '../port.ts';

/** Token buckets of this device, by name. */
export function loadBucket(t: Turn, name: string): Bucket | null {
  return t.all<Bucket>(`SELECT tokens, at FROM device_bucket WHERE actor = ?1 AND name = ?2`, name)[0] ?? null;
}

export function saveBucket(t: Turn, name: string, { tokens, at }: Bucket): void {
  t.run(
    `INSERT INTO device_bucket (actor, name, tokens, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (actor, name) DO UPDATE SET tokens = excluded.tokens, at = excluded.at`,
    name,
    tokens,
    at,
  );
}
