/** A socket's row, as it was read or written. */
export interface SocketRow {
  readonly id: string;
  readonly tags: string;
  readonly note: string;
}

/** Peers whose last number is kept in mind; a device writes to a new call each time. */
const MOST_PEERS = 64;

/**
 * What a process knows of one actor's rows and need not read again: only one process writes them. Each part is filled when it
 * is first read and kept in step with every write. Whoever rolls writes back has to `forget`: the rows are what counts.
 */
export class Memory {
  /** When the actor last wrote (ms), null for never. */
  clock: number | null | undefined;
  /** By key, ms. */
  deadlines: Map<string, number> | undefined;
  /** Rows of the outbox. */
  waiting: number | undefined;
  /** By id, oldest first. */
  sockets: Map<string, SocketRow> | undefined;
  /** False: no number was given out in the last 24 h. */
  numbered: boolean | undefined;
  /** When rows too old to be remembered were last looked for (ms). */
  tidied: number | undefined;
  readonly #sent = new Map<string, number>();
  readonly #own = new Map<string, Map<string, unknown>>();

  forget(): void {
    this.clock = undefined;
    this.deadlines = undefined;
    this.waiting = undefined;
    this.sockets = undefined;
    this.numbered = undefined;
    this.tidied = undefined;
    this.#sent.clear();
    this.#own.clear();
  }

  /** What the actor made of rows of one of its own tables. */
  recall<T>(table: string, what: string, read: () => T): T {
    const known = this.#own.get(table);
    if (known?.has(what)) return known.get(what) as T;
    const value = read();
    this.keep(table, what, value);
    return value;
  }

  keep(table: string, what: string, value: unknown): void {
    const known = this.#own.get(table);
    if (known) known.set(what, value);
    else this.#own.set(table, new Map([[what, value]]));
  }

  /** Somebody wrote to this table; null: nobody can tell to which. */
  written(table: string | null): void {
    if (table === null) this.#own.clear();
    else this.#own.delete(table);
  }

  /** The last number given out to a peer. */
  lastSent(peer: string): number | undefined {
    return this.#sent.get(peer);
  }

  sent(peer: string, number: number): void {
    if (this.#sent.size >= MOST_PEERS && !this.#sent.has(peer)) this.#sent.clear();
    this.#sent.set(peer, number);
    this.numbered = true;
  }
}
