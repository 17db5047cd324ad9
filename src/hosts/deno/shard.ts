import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { PortError, type Store } from '../../actors/kernel/store.ts';
import type { Bind } from '../../actors/port.ts';

/** Turns that may share one commit, and how long their taking may keep everybody else waiting (ms). */
const MOST_TURNS = 256;
const LONGEST_TAKING_MS = 8;
/** How long work that nobody waits for waits for company (ms). */
const PATIENCE_MS = 4;
/** Pages of one file kept in memory (SQLite's own 2,000 KiB hold the mailboxes of few devices). */
const CACHE_KIB = 16_384;
/** Pages in the write-ahead log before they go into the file, which syncs twice; 4 KiB each. */
const CHECKPOINT_PAGES = 4_000;
/** Statements are constants of the code; the bound only guards against SQL that is put together at run time. */
const MOST_STATEMENTS = 512;

/** Where a test may end the process: turns taken and nothing committed; committed and nobody told. */
export type CommitPoint = 'before-commit' | 'after-commit';

export interface ShardOptions {
  /** Tests only. */
  readonly at?: ((point: CommitPoint) => void) | undefined;
  readonly longestTakingMs?: number;
  /** Told when rows that work has written were taken back. */
  readonly undone?: () => void;
}

export type Work<T> = (store: FileStore) => T;
type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

interface Waiting {
  readonly work: Work<unknown>;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** The commit that this work was part of is not known to have happened. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}

/** Rows of one file, with every statement prepared once. Usable only while a transaction is open. */
export class FileStore implements Store {
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();
  readonly #preparedForArrays = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  all<R>(sql: string, binds: readonly Bind[]): R[] {
    return this.#statement(sql, this.#prepared).all(...binds) as R[];
  }

  run(sql: string, binds: readonly Bind[]): number {
    return Number(this.#statement(sql, this.#prepared).run(...binds).changes);
  }

  /** Rows as arrays, so that columns of one name stay apart. */
  arrays(sql: string, binds: readonly Bind[]): { columns: string[]; rows: Bind[][] } {
    const statement = this.#statement(sql, this.#preparedForArrays);
    const rows = statement.all(...binds) as unknown as Bind[][];
    return { columns: statement.columns().map((column) => column.name), rows };
  }

  /** Several statements at once, as a migration brings them. */
  script(sql: string): void {
    this.#mustBeOpen();
    this.#db.exec(sql);
  }

  #statement(sql: string, prepared: Map<string, StatementSync>): StatementSync {
    this.#mustBeOpen();
    const known = prepared.get(sql);
    if (known) return known;
    if (prepared.size >= MOST_STATEMENTS) prepared.clear();
    const made = this.#db.prepare(sql);
    if (prepared === this.#preparedForArrays) made.setReturnArrays(true);
    prepared.set(sql, made);
    return made;
  }

  /** SQLite ends a transaction by itself on some errors (disk full, input/output); what follows must not commit alone. */
  #mustBeOpen(): void {
    if (!this.#db.isTransaction) throw new PortError('the transaction is over');
  }
}

function verbs(db: DatabaseSync) {
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    abandon: db.prepare('ROLLBACK'),
    save: db.prepare('SAVEPOINT turn'),
    release: db.prepare('RELEASE turn'),
    undo: db.prepare('ROLLBACK TO turn'),
  };
}

type Verbs = ReturnType<typeof verbs>;

/**
 * One file of rows and its group commit. Work that arrives while the process is busy is taken together: one transaction,
 * one savepoint each, one commit, and only after that commit is on disk does anybody hear of it. What reads sees what
 * was written before it in the same commit, which is why readers wait too; a commit that wrote nothing costs no fsync.
 */
export class Shard {
  readonly #db: DatabaseSync;
  readonly #store: FileStore;
  readonly #verbs: Verbs;
  readonly #at: (point: CommitPoint) => void;
  readonly #longestTakingMs: number;
  readonly #undone: () => void;
  #waiting: Waiting[] = [];
  #scheduled = false;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #open = true;

  constructor(path: string, options: ShardOptions = {}) {
    this.#db = new DatabaseSync(path);
    this.#db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
      PRAGMA cache_size = -${CACHE_KIB}; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    this.#store = new FileStore(this.#db);
    this.#verbs = verbs(this.#db);
    this.#at = options.at ?? (() => {});
    this.#longestTakingMs = options.longestTakingMs ?? LONGEST_TAKING_MS;
    this.#undone = options.undone ?? (() => {});
  }

  /** Resolves when what `work` wrote is durable. Rejects with what it threw, or with Unavailable when the commit failed. */
  take<T>(work: Work<T>): Promise<T> {
    if (!this.#open) return Promise.reject(new Unavailable('the host has stopped'));
    const taken = this.#enqueued(work);
    this.#schedule();
    return taken;
  }

  /** As `take`, in a commit that may be a few milliseconds away, so that more go in it; other work brings it forward. */
  takePatiently<T>(work: Work<T>): Promise<T> {
    const taken = this.#open ? this.#enqueued(work) : this.take(work);
    if (!this.#scheduled) this.#patience ??= setTimeout(() => this.#drain(), PATIENCE_MS);
    return taken;
  }

  /** A transaction of its own, at once: for starting up, when nobody waits yet. */
  now<T>(work: Work<T>): T {
    this.#verbs.begin.run();
    try {
      const value = work(this.#store);
      this.#verbs.commit.run();
      return value;
    } catch (error) {
      this.#abandon();
      throw error;
    }
  }

  /** Pieces of work that no transaction has begun on. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whoever still waits is told `unavailable`. Leaves one file without a journal beside it. */
  close(): void {
    this.#open = false;
    clearTimeout(this.#patience);
    for (const { reject } of this.#waiting.splice(0)) reject(new Unavailable('the host has stopped'));
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#db.close();
  }

  #enqueued<T>(work: Work<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject });
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#drain();
    });
  }

  #drain(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    if (!this.#open || this.#waiting.length === 0) return;
    const batch: Waiting[] = [];
    const outcomes = this.#together(batch);
    for (const [index, { resolve, reject }] of batch.entries()) {
      const outcome = outcomes[index]!;
      if (outcome.ok) resolve(outcome.value as never);
      else reject(outcome.error);
    }
    if (this.#waiting.length > 0) this.#schedule();
  }

  /** Moves work from the queue into `batch`, and brings one outcome for each after their commit. */
  #together(batch: Waiting[]): Outcome[] {
    try {
      this.#verbs.begin.run();
      const outcomes = this.#taken(batch);
      this.#at('before-commit');
      this.#verbs.commit.run();
      this.#at('after-commit');
      return outcomes;
    } catch (error) {
      this.#abandon();
      if (batch.length === 0) batch.push(...this.#waiting.splice(0, MOST_TURNS));
      const lost: Outcome = {
        ok: false,
        error: new Unavailable(`the commit failed: ${String(error)}`, { cause: error }),
      };
      return batch.map(() => lost);
    }
  }

  #taken(batch: Waiting[]): Outcome[] {
    const outcomes: Outcome[] = [];
    const enough = performance.now() + this.#longestTakingMs;
    while (this.#waiting.length > 0 && batch.length < MOST_TURNS && performance.now() < enough) {
      const next = this.#waiting.shift()!;
      batch.push(next);
      outcomes.push(this.#alone(next.work));
    }
    return outcomes;
  }

  /** One piece of work under its own savepoint. When the savepoint is gone, so is the transaction: that fails them all. */
  #alone(work: Work<unknown>): Outcome {
    this.#verbs.save.run();
    try {
      const outcome: Outcome = { ok: true, value: work(this.#store) };
      this.#verbs.release.run();
      return outcome;
    } catch (error) {
      this.#undone();
      this.#verbs.undo.run();
      this.#verbs.release.run();
      return { ok: false, error };
    }
  }

  #abandon(): void {
    this.#undone();
    if (this.#db.isTransaction) this.#verbs.abandon.run();
  }
}
