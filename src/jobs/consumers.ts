import type { Actors, Consumer } from '../actors/port.ts';
import type { Repositories } from '../db/repositories.ts';
import { shipEvents } from './events.ts';
import { nudge } from './hints.ts';

/** One consumer per queue, the same on every host. */
export function consumers(actors: Actors, db: Repositories): ReadonlyMap<string, Consumer> {
  return new Map([
    ['events', shipEvents(actors, db)],
    ['invitations', nudge(actors, 'invitations')],
    ['wakeups', nudge(actors, 'wakeups')],
  ]);
}
