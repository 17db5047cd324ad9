import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Store } from '../../actors/kernel/store.ts';
import type { Bind } from '../../actors/port.ts';

/** Rows in memory. `begin` opens a run, `reset` forgets all that it wrote; within it every turn is a savepoint. */
export class MemoryStore implements Store {
  readonly #database = new DatabaseSync(':memory:');
  readonly #statements = new Map<string, StatementSync>();

  all<R>(sql: string, binds: readonly Bind[]): R[] {
    return this.#statement(sql).all(...(binds as string[])) as R[];
  }

  run(sql: string, binds: readonly Bind[]): number {
    return Number(this.#statement(sql).run(...(binds as string[])).changes);
  }

  begin(): void {
    this.#database.exec('BEGIN');
  }

  reset(): void {
    this.#database.exec('ROLLBACK');
  }

  /** All of `work` or nothing: nothing when it throws or when `keep` says no. */
  attempt<T>(work: () => T, keep: (result: T) => boolean): T {
    this.#database.exec('SAVEPOINT turn');
    try {
      const result = work();
      if (!keep(result)) this.#database.exec('ROLLBACK TO turn');
      return result;
    } catch (error) {
      this.#database.exec('ROLLBACK TO turn');
      throw error;
    } finally {
      this.#database.exec('RELEASE turn');
    }
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
