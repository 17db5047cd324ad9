import type { Consumer } from '../actors/port.ts';
import type { Repositories } from '../db/repositories.ts';
import { bury, DEAD_LETTERS } from './dead.ts';
import { shipEvents } from './events.ts';
import { reachLegs } from './hints.ts';
import { wakeDevices, type Waker } from './wakeups.ts';
import { type Warner, warnHandles } from './warnings.ts';

/** What queues' consumers work with. */
export interface Workshop extends Waker, Omit<Warner, 'actors'> {
  readonly db: Repositories;
}

/** One consumer per queue, the same on every host; and one for what queues gave up. */
export function consumers({ actors, db, push, codes, now }: Workshop): ReadonlyMap<string, Consumer> {
  return new Map([
    ['events', shipEvents(actors, db)],
    ['invitations', reachLegs(actors)],
    ['wakeups', wakeDevices({ actors, push, now })],
    ['warnings', warnHandles({ actors, codes })],
    [DEAD_LETTERS, bury(db, now)],
  ]);
}
