/** How much of each kind a caller may ask for, as data. docs/protocol/http.md §8 has the table; LIMITS changes it. */
import * as v from 'valibot';
import type { BucketSize } from '../calls/bucket.ts';

/** A full bucket is asked for at once; then it fills at this rate. */
export interface Limit {
  readonly requestsAtOnce: number;
  readonly requestsPerMinute: number;
}

export const LIMITS = {
  /** Per client address: challenges of enrollment, activation and renewal, nonces of the courier. */
  challenges: { requestsAtOnce: 120, requestsPerMinute: 120 },
  /** Per client address: evidence and renewals to judge. */
  enrollments: { requestsAtOnce: 60, requestsPerMinute: 60 },
  /** Per client address. A network of many devices may come by one address. */
  tokens: { requestsAtOnce: 600, requestsPerMinute: 600 },
  /** Per client address: sockets of courier and calls. After a restart all of them come at once. */
  sockets: { requestsAtOnce: 600, requestsPerMinute: 600 },
  /** Per device: GET. */
  reads: { requestsAtOnce: 240, requestsPerMinute: 600 },
  /** Per device: every other method. */
  writes: { requestsAtOnce: 120, requestsPerMinute: 300 },
} as const satisfies Readonly<Record<string, Limit>>;

export type LimitName = keyof typeof LIMITS;
export type Limits = Readonly<Record<LimitName, Limit>>;

/** Development is for tests and load on one machine, where every client has the same address. */
const DEVELOPMENT_FACTOR = 1_000;

export function defaultLimits(environment: 'development' | 'production'): Limits {
  const factor = environment === 'development' ? DEVELOPMENT_FACTOR : 1;
  const scaled = Object.entries<Limit>(LIMITS).map(([name, { requestsAtOnce, requestsPerMinute }]) => [
    name,
    { requestsAtOnce: requestsAtOnce * factor, requestsPerMinute: requestsPerMinute * factor },
  ]);
  return Object.fromEntries(scaled) as Limits;
}

const Positive = v.pipe(v.number(), v.finite(), v.minValue(0.001), v.maxValue(1e9));
const Written = v.strictObject({
  requestsAtOnce: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(1e9)),
  requestsPerMinute: Positive,
});

/** `LIMITS` as JSON, over the defaults. Null for a name that is no limit, or a value that is none. */
export function limitsFrom(text: string | undefined, defaults: Limits): Limits | null {
  if (text === undefined || text === '') return defaults;
  const names = Object.keys(LIMITS) as [LimitName, ...LimitName[]];
  const entries = Object.fromEntries(names.map((name) => [name, v.optional(Written)]));
  try {
    const written: unknown = JSON.parse(text);
    const parsed = v.safeParse(v.strictObject(entries), written);
    return parsed.success && !Array.isArray(written) ? { ...defaults, ...(parsed.output as Partial<Limits>) } : null;
  } catch {
    return null;
  }
}

export function sizeOf({ requestsAtOnce, requestsPerMinute }: Limit): BucketSize {
  return { burst: requestsAtOnce, perMs: 60_000 / requestsPerMinute };
}
