import type { Actors, Consumer } from '../actors/port.ts';
import type { Repositories } from '../db/repositories.ts';
import { bury, DEAD_LETTERS } from './dead.ts';
import { shipEvents } from './events.ts';
import { nudge, reachLegs } from './hints.ts';

/** One consumer per queue, the same on every host; and one for what queues gave up. */
export function consumers(actors: Actors, db: Repositories): ReadonlyMap<string, Consumer> {
  return new Map([
    ['events', shipEvents(actors, db)],
    ['invitations', reachLegs(actors)],
    ['wakeups', nudge(actors, 'wakeups')],
    [DEAD_LETTERS, bury(db, () => Date.now())],
  ]);
}
