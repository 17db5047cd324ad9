import { eq, inArray, lt } from 'drizzle-orm';
import { commit, type Database, type Held, type Statement } from './database.ts';
import { challengeUse } from './schema.ts';

export interface Use {
  /** base64url of the 32-byte nonce. */
  readonly nonce: string;
  /** When the challenge itself ends, ms. */
  readonly expiresAt: number;
  readonly request: string;
}

/** `held`: a guard of what was to be allowed aborted it, and the challenge is still unused. */
export type Consumed =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: 'challenge-used' }
  | { readonly ok: false; readonly reason: 'held'; readonly by: Held };

/** How many expired rows one sweep takes. */
const SWEEP = 500;

/** Challenges are stateless; only their use is a row, and writing it is the check. */
export class Challenges {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** For a batch with what the challenge allows: a second use aborts all of it. */
  use(use: Use): Statement {
    return this.#db.insert(challengeUse).values(use);
  }

  /** Writes the use and what it allows, once. The same request again is answered as the first time. */
  async consume(use: Use, ...allowed: readonly Statement[]): Promise<Consumed> {
    const held = await commit(this.#db, [this.use(use), ...allowed]);
    if (held === null) return { ok: true };
    const by = await this.#usedBy(use.nonce);
    if (by === undefined) return { ok: false, reason: 'held', by: held };
    return by === use.request ? { ok: true } : { ok: false, reason: 'challenge-used' };
  }

  /** Forgets uses of challenges that have expired, a few hundred at a time. */
  async sweep(now: number): Promise<void> {
    const expired = this.#db
      .select({ nonce: challengeUse.nonce })
      .from(challengeUse)
      .where(lt(challengeUse.expiresAt, now))
      .limit(SWEEP);
    await this.#db.delete(challengeUse).where(inArray(challengeUse.nonce, expired));
  }

  async #usedBy(nonce: string): Promise<string | undefined> {
    const rows = await this.#db
      .select({ request: challengeUse.request })
      .from(challengeUse)
      .where(eq(challengeUse.nonce, nonce));
    return rows[0]?.request;
  }
}
