import type { Actors, Consumer } from '../actors/port.ts';

/** A hint that makes an actor look at its own due work. Unavailable is tried again; the actor's own deadlines stand behind it. */
export function nudge(actors: Actors, queue: string): Consumer {
  return async ({ actor, key }, attempt) => {
    const answer = await actors.hinted(actor, queue, key);
    return answer.ok ? { done: true } : { done: false, retryAfterMs: Math.min(30_000, 500 * 2 ** attempt) };
  };
}
