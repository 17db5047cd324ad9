import type { Bind } from '../../actors/port.ts';
import type { FileStore, Shard } from './shard.ts';

/** D1's limit, kept here too so that a query which runs on one host runs on the other. */
const MOST_BINDS = 100;
/** The primary code of every constraint's extended code (sqlite.org/rescode.html). */
const SQLITE_CONSTRAINT = 19;

export interface D1Outcome<R> {
  readonly success: true;
  readonly results: R[];
  readonly meta: { readonly changes: number; readonly last_row_id: number; readonly changed_db: boolean };
}

/** Fails as D1 does: by message, with `SQLITE_CONSTRAINT` at its end when a guard held. */
export class D1Error extends Error {
  override readonly name = 'D1_ERROR';
}

type Row = Record<string, unknown>;

interface Ran {
  readonly columns: string[];
  readonly rows: unknown[][];
  readonly meta: D1Outcome<Row>['meta'];
}

/**
 * A D1 database over one SQLite file: the part of D1's interface that drizzle-orm/d1 and the repositories use. Statements
 * that arrive together share a commit; each, and each batch as a whole, stands or falls alone.
 */
export class LocalD1 {
  readonly #shard: Shard;

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  prepare(sql: string): LocalStatement {
    return new LocalStatement(this.#shard, sql, []);
  }

  /** All or nothing, in order. */
  async batch<R = Row>(statements: readonly LocalStatement[]): Promise<D1Outcome<R>[]> {
    const all = await taken(this.#shard, (store) => statements.map((statement) => statement.runIn(store)));
    return all.map((ran) => outcome<R>(ran));
  }
}

export class LocalStatement {
  readonly #shard: Shard;
  readonly #sql: string;
  readonly #binds: readonly Bind[];

  constructor(shard: Shard, sql: string, binds: readonly Bind[]) {
    this.#shard = shard;
    this.#sql = sql;
    this.#binds = binds;
  }

  bind(...values: readonly unknown[]): LocalStatement {
    if (values.length > MOST_BINDS) throw new D1Error(`D1_ERROR: too many SQL variables: ${values.length}`);
    return new LocalStatement(this.#shard, this.#sql, values.map(toBind));
  }

  async all<R = Row>(): Promise<D1Outcome<R>> {
    return outcome<R>(await this.#ran());
  }

  run<R = Row>(): Promise<D1Outcome<R>> {
    return this.all<R>();
  }

  async raw<R = unknown[]>(): Promise<R[]> {
    return (await this.#ran()).rows as R[];
  }

  async first<R = Row>(column?: string): Promise<R | null> {
    const row = outcome<Row>(await this.#ran()).results[0];
    if (!row) return null;
    return (column === undefined ? row : row[column]) as R;
  }

  /** Inside a transaction that somebody else commits. */
  runIn(store: FileStore): Ran {
    const before = totals(store).changes;
    const { columns, rows } = store.arrays(this.#sql, this.#binds);
    const after = totals(store);
    const changes = after.changes - before;
    return {
      columns,
      rows: rows.map((row) => row.map(fromColumn)),
      meta: { changes, last_row_id: after.id, changed_db: changes > 0 },
    };
  }

  #ran(): Promise<Ran> {
    return taken(this.#shard, (store) => this.runIn(store));
  }
}

function totals(store: FileStore): { changes: number; id: number } {
  return store.all<{ changes: number; id: number }>(
    `SELECT total_changes() AS changes, last_insert_rowid() AS id`,
    [],
  )[0]!;
}

async function taken<T>(shard: Shard, work: (store: FileStore) => T): Promise<T> {
  try {
    return await shard.take(work);
  } catch (error) {
    throw asD1Error(error);
  }
}

function asD1Error(error: unknown): D1Error {
  const { message, errcode } = error as { message?: string; errcode?: number };
  const code = ((errcode ?? 0) & 0xff) === SQLITE_CONSTRAINT ? 'SQLITE_CONSTRAINT' : 'SQLITE_ERROR';
  return new D1Error(`D1_ERROR: ${message}: ${code}`, { cause: error });
}

function outcome<R>({ columns, rows, meta }: Ran): D1Outcome<R> {
  const results = rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])) as R);
  return { success: true, results, meta };
}

/** D1 gives bytes back as an array of numbers. */
function fromColumn(value: Bind): unknown {
  return value instanceof Uint8Array ? Array.from(value) : value;
}

function toBind(value: unknown): Bind {
  if (value === null || typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return Uint8Array.from(value as number[]);
  throw new D1Error(`D1_TYPE_ERROR: Type '${typeof value}' not supported`);
}
