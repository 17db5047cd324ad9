import type { Actors, Consumer } from '../actors/port.ts';

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

/** A hint that makes an actor look at its own due work. Unavailable is tried again; the actor's own deadlines stand behind it. */
export function nudge(actors: Actors, queue: string): Consumer {
  return async ({ actor, key }, attempt) => {
    const answer = await actors.hinted(actor, queue, key);
    return answer.ok ? { done: true } : { done: false, retryAfterMs: backOff(attempt) };
  };
}

/** Later each time. */
export function backOff(attempt: number): number {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt);
}

/**
 * Legs that no mailbox has taken yet: the hint makes the Call send again what is due, and comes back while any is left. The
 * Call's own deadlines stand behind it, and what cannot be reached by its ring deadline the Call alone decides.
 */
export function reachLegs(actors: Actors): Consumer {
  return async ({ actor, key }, attempt) => {
    const answer = await actors.hinted(actor, 'invitations', key);
    const { pending } = (answer.ok ? answer.value : { pending: 1 }) as { pending: number };
    return pending > 0 ? { done: false, retryAfterMs: backOff(attempt) } : { done: true };
  };
}
