import { type Bucket, takeToken } from '../calls/bucket.ts';
import { type Limits, type LimitName, sizeOf } from './limits.ts';

/** What is left of one limit for who asks. */
export interface Spent {
  readonly limit: LimitName;
  readonly left: number;
  /** Until there is a request again where none is left, else until all of them are, ms. */
  readonly resetMs: number;
}

/** Callers that are remembered at once; beyond, the one that was quiet longest is forgotten, and starts anew. */
const MOST_CALLERS = 20_000;

/**
 * Limits of whoever has not proved who he is, and of reads: in the memory of this process or isolate alone, because a request
 * that proves nothing writes nothing. A limit therefore holds per process; on Cloudflare, per isolate.
 */
export class Gate {
  readonly #limits: Limits;
  readonly #most: number;
  /** In the order they were last seen. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(limits: Limits, most = MOST_CALLERS) {
    this.#limits = limits;
    this.#most = most;
  }

  take(limit: LimitName, caller: string, now: number): ({ ok: true } & Spent) | ({ ok: false } & Spent) {
    const name = `${limit} ${caller}`;
    const size = sizeOf(this.#limits[limit]);
    const taken = takeToken(this.#buckets.get(name) ?? null, size, now);
    this.#buckets.delete(name);
    this.#buckets.set(name, taken.bucket);
    this.#forget();
    if (!taken.ok) return { ok: false, limit, left: 0, resetMs: taken.retryAfterMs };
    const { tokens } = taken.bucket;
    return { ok: true, limit, left: Math.floor(tokens), resetMs: Math.ceil((size.burst - tokens) * size.perMs) };
  }

  /** How many callers are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  #forget(): void {
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > this.#most && oldest !== undefined) this.#buckets.delete(oldest);
  }
}
