import type { Store } from '../../actors/kernel/store.ts';
import type { Bind } from '../../actors/port.ts';

type Row = Record<string, SqlStorageValue>;

/** In place: the row is ours. */
function plain(row: Row): void {
  for (const column in row) {
    const value = row[column];
    if (value instanceof ArrayBuffer) (row as Record<string, unknown>)[column] = new Uint8Array(value);
  }
}

/** The port's rows on an object's own SQLite. BLOBs are Uint8Array in both directions. */
export class SqlStore implements Store {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  all<R>(sql: string, binds: readonly Bind[]): R[] {
    const rows = this.#sql.exec<Row>(sql, ...binds).toArray();
    for (const row of rows) plain(row);
    return rows as R[];
  }

  /** Entries of indexes count too. What returns no rows is done when `exec` returns. */
  run(sql: string, binds: readonly Bind[]): number {
    return this.#sql.exec(sql, ...binds).rowsWritten;
  }
}
