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

/**
 * How long a queue's hint waits for others of its actor, so that one job does for them all, ms; the other queues' do not wait. On
 * Workers `max_batch_timeout` in wrangler.toml says the same.
 */
export const RESTS_MS: ReadonlyMap<string, number> = new Map([['events', 1_000]]);

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
