/** A socket's row, as it was read or written. */
export interface SocketRow {
  readonly id: string;
  readonly tags: string;
  readonly note: string;
}

/** Peers whose last number is kept in mind; a device writes to a new call each time. */
const MOST_PEERS = 64;

/**
 * What a process knows of one actor's port rows and need not read again: only one process writes them. Each part is filled when it
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
  readonly #sent = new Map<string, number>();

  forget(): void {
    this.clock = undefined;
    this.deadlines = undefined;
    this.waiting = undefined;
    this.sockets = undefined;
    this.numbered = undefined;
    this.#sent.clear();
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
