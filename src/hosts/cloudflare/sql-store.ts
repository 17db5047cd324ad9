import type { Store } from '../../actors/kernel/store.ts';
import type { Bind } from '../../actors/port.ts';

type Row = Record<string, SqlStorageValue>;

function plain(row: Row): Row {
  for (const [column, value] of Object.entries(row)) {
    if (value instanceof ArrayBuffer) (row as Record<string, unknown>)[column] = new Uint8Array(value);
  }
  return row;
}

/** The port's rows on an object's own SQLite. BLOBs are Uint8Array in both directions. */
export class SqlStore implements Store {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  all<R>(sql: string, binds: readonly Bind[]): R[] {
    return this.#sql
      .exec<Row>(sql, ...binds)
      .toArray()
      .map(plain) as R[];
  }

  /** `rowsWritten` also counts index entries, so what is more than one comes from SQLite itself. */
  run(sql: string, binds: readonly Bind[]): number {
    const cursor = this.#sql.exec(sql, ...binds);
    cursor.toArray();
    return cursor.rowsWritten <= 1
      ? cursor.rowsWritten
      : this.#sql.exec<{ n: number }>('SELECT changes() AS n').one().n;
  }
}
