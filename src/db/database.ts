import { drizzle, type AnyD1Database, type DrizzleD1Database } from 'drizzle-orm/d1';
import type { BatchItem } from 'drizzle-orm/batch';
import * as schema from './schema.ts';

export type Database = DrizzleD1Database<typeof schema>;
export type Statement = BatchItem<'sqlite'>;

/** D1, or what another host has in its place. */
export interface D1Shaped {
  prepare(sql: string): object;
  batch(statements: never[]): Promise<unknown>;
}

export function database(d1: D1Shaped): Database {
  return drizzle(d1 as AnyD1Database, { schema });
}

/** A guard that aborted a batch, by the table and column that held it. */
export interface Held {
  readonly table: string;
  readonly column: string;
}

const CONSTRAINT = /(?:UNIQUE|NOT NULL) constraint failed: (\w+)\.(\w+)/;

/** Which guard an error speaks of; null when it speaks of none. D1 tells it only in the text, at whatever depth. */
function heldBy(error: unknown): Held | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const [, table, column] = CONSTRAINT.exec(cause.message) ?? [];
    if (table !== undefined && column !== undefined) return { table, column };
  }
  return null;
}

/**
 * Writes all or nothing; the guard that aborted it, or null when everything was written. A guard must abort: a batch
 * commits even when a condition matched no row. Throws when D1 failed, which is unknown, never no.
 */
export async function commit(db: Database, statements: readonly [Statement, ...Statement[]]): Promise<Held | null> {
  try {
    await db.batch(statements);
    return null;
  } catch (error) {
    const held = heldBy(error);
    if (held) return held;
    throw error;
  }
}
