import type { Database, Statement } from './database.ts';
import { event } from './schema.ts';

/** One change worth telling. `id` comes from the request, so that a repeated write tells it once. */
export interface NewEvent {
  readonly id: string;
  readonly at: number;
  readonly type: string;
  readonly severity: 'info' | 'notice' | 'alarm';
  readonly actor?: string;
  readonly subject?: string;
  readonly reason?: string;
  readonly reference?: string;
  readonly request?: string;
}

/** The outbox: written in the batch of the change it tells of. */
export const events = {
  append(db: Database, told: NewEvent): Statement {
    return db.insert(event).values(told).onConflictDoNothing();
  },
};
