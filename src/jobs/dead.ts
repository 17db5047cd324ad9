import type { Consumer } from '../actors/port.ts';
import type { Repositories } from '../db/repositories.ts';

/** Hints about dead letters: `key` is the queue that gave up, a space, and the key of the hint itself. */
export const DEAD_LETTERS = 'dead';

/** One event for the operator. The work itself stays in its actor's rows. */
export function bury(db: Pick<Repositories, 'events'>, now: () => number): Consumer {
  return async ({ actor, key }) => {
    const [queue = ''] = key.split(' ');
    const at = now();
    await db.events.tell({
      id: `hint/${actor.kind}/${actor.name}/${key}/${at}`,
      at,
      type: 'hint.dead',
      severity: 'alarm',
      actor: actor.kind,
      subject: actor.name,
      reason: queue,
    });
    return { done: true };
  };
}
