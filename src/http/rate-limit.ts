import type { ReasonOf } from '../protocol/problem.ts';
import type { AppContext } from './context.ts';
import { problem } from './problem.ts';

/** A limit that was reached: so many in so long, and when the next one may come. */
export interface Reached {
  readonly quota: number;
  readonly windowMs: number;
  readonly retryAfterMs: number;
}

/** 429 with Retry-After (RFC 9110 §10.2.3) and the fields of draft-ietf-httpapi-ratelimit-headers: the limit by name, and that nothing is left. */
export function tooMany(c: AppContext, reason: ReasonOf<'too-many-requests'>, reached: Reached): Response {
  const seconds = Math.max(1, Math.ceil(reached.retryAfterMs / 1_000));
  c.header('Retry-After', String(seconds));
  c.header('RateLimit-Policy', `"${reason}";q=${reached.quota};w=${Math.max(1, Math.ceil(reached.windowMs / 1_000))}`);
  c.header('RateLimit', `"${reason}";r=0;t=${seconds}`);
  return problem(c, 'too-many-requests', reason);
}
