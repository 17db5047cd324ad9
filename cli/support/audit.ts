import { eventHash } from '../../src/actors/events.ts';
import type { Line } from './server.ts';

export interface Broken {
  readonly id: string;
  readonly what: 'hash' | 'previous' | 'gap' | 'order' | 'unchained';
}

interface Chain {
  n: number;
  hash: string;
}

/**
 * Follows every actor's chain through the feed: each row's hash computed again, its predecessor's hash in it, and no number
 * left out. Events of actors arrive in order per actor, so one pass over the feed is enough.
 */
export class Audit {
  readonly broken: Broken[] = [];
  readonly #chains = new Map<string, Chain>();
  rows = 0;
  /** Rows that no actor wrote: the directory's, lists', runs' and dead hints' own, named by what they tell. */
  unchained = 0;

  get chains(): number {
    return this.#chains.size;
  }

  add({ cursor: _cursor, ...row }: Line): void {
    this.rows += 1;
    const cut = row.id.lastIndexOf('/');
    const name = row.id.slice(0, cut);
    if (!name.startsWith(`${row.actor}/`)) return this.#outside(row.id, row.hash);
    const before = this.#chains.get(name);
    const n = Number(row.id.slice(cut + 1));
    const { hash, ...fields } = row;
    if (eventHash(fields) !== hash) this.#report(row.id, 'hash');
    if (n <= (before?.n ?? 0)) this.#report(row.id, 'order');
    else if (n !== (before?.n ?? 0) + 1) this.#report(row.id, 'gap');
    else if (row.previous !== (before?.hash ?? '')) this.#report(row.id, 'previous');
    this.#chains.set(name, { n, hash });
  }

  #outside(id: string, hash: string): void {
    this.unchained += 1;
    if (hash !== '') this.#report(id, 'unchained');
  }

  #report(id: string, what: Broken['what']): void {
    this.broken.push({ id, what });
  }
}
