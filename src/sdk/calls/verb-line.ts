import type { Reply, Verb } from '../../protocol/call.ts';

const FIRST_RETRY_MS = 300;
const LONGEST_RETRY_MS = 4_000;
/** A verb that nobody answered for this long is given up: by then the call's own leases have decided. */
export const VERB_LIFE_MS = 60_000;

/** What the user's end of a call makes pointless: said only if it is being said already. An answer is not among them. */
const OVERTAKEN: ReadonlySet<Verb['verb']> = new Set(['invite', 'ringing', 'alive', 'confirm']);
const ENDS: ReadonlySet<Verb['verb']> = new Set(['cancel', 'hangup', 'leave', 'decline', 'ignore', 'busy', 'failed']);

interface Errand {
  readonly verb: Verb;
  readonly name: string;
  readonly until: number;
  readonly answered: Promise<Reply | null>;
  readonly answer: (reply: Reply | null) => void;
  attempt: number;
  given: boolean;
}

export interface VerbGround {
  /** Says a verb once; null: it is not known whether it arrived. */
  say(verb: Verb): Promise<Reply | null>;
  now(): number;
  after(ms: number, run: () => void): () => void;
}

/**
 * The verbs of each call, one after another: the next is said when the one before was answered, and each is repeated until
 * it is, so that nothing the user did is lost or overtaken. A repetition is the same act: the call answers it the same.
 */
export class VerbLine {
  readonly #ground: VerbGround;
  readonly #lines = new Map<string, Errand[]>();
  #stopped = false;

  constructor(ground: VerbGround) {
    this.#ground = ground;
  }

  /** Null: given up, or overtaken by the end of the call. The same verb twice is one errand. */
  say(verb: Verb): Promise<Reply | null> {
    const line = this.#lines.get(verb.call) ?? [];
    const name = JSON.stringify(verb);
    const same = line.find((errand) => errand.name === name && !errand.given);
    if (same) return same.answered;
    if (ENDS.has(verb.verb)) for (const errand of line) if (OVERTAKEN.has(errand.verb.verb)) give(errand, null);
    const { promise, resolve } = Promise.withResolvers<Reply | null>();
    const until = this.#ground.now() + VERB_LIFE_MS;
    line.push({ verb, name, until, answered: promise, answer: resolve, attempt: 0, given: false });
    this.#lines.set(verb.call, line);
    if (line.length === 1) void this.#work(verb.call, line);
    return promise;
  }

  /** Resolves when everything that was to be said of the call has been. */
  async silent(call: string): Promise<void> {
    for (let last = this.#lines.get(call)?.at(-1); last && !last.given; last = this.#lines.get(call)?.at(-1))
      await last.answered;
  }

  stop(): void {
    this.#stopped = true;
    for (const line of this.#lines.values()) for (const errand of line) give(errand, null);
  }

  async #work(call: string, line: Errand[]): Promise<void> {
    for (let errand = line[0]; errand && !this.#stopped; errand = line[0]) {
      if (!errand.given) await this.#once(errand);
      if (errand.given) line.shift();
    }
    this.#lines.delete(call);
  }

  async #once(errand: Errand): Promise<void> {
    const reply = await this.#ground.say(errand.verb).catch(() => null);
    const over = errand.verb.verb === 'alive' || this.#ground.now() >= errand.until;
    if (reply !== null || over) give(errand, reply);
    if (errand.given) return;
    const ms = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** errand.attempt++);
    await new Promise<void>((resolve) => void this.#ground.after(ms, resolve));
  }
}

function give(errand: Errand, reply: Reply | null): void {
  errand.given = true;
  errand.answer(reply);
}
