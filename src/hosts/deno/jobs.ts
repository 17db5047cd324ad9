import { addressOf, nameOf, type Store } from '../../actors/kernel/store.ts';
import type { Address, Consumer, Fault } from '../../actors/port.ts';
import { DEAD_LETTERS } from '../../jobs/dead.ts';
import { Pool } from './pool.ts';
import type { Shard } from './shard.ts';

/** Jobs under way at a time, and how many of a file are looked at together. */
const WIDTH = 32;
/** After so many attempts a hint is dead: the operator is told, and whoever owns the rows finds them by its own deadline. */
const MOST_ATTEMPTS = 10;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 300_000;

interface JobRow {
  readonly actor: string;
  readonly queue: string;
  readonly key: string;
  /** Grows with every hint, also across erasure, so that one which comes while its job runs makes it run again. */
  readonly round: number;
  readonly attempt: number;
}

export interface JobsOptions {
  readonly shards: readonly Shard[];
  readonly consumers: ReadonlyMap<string, Consumer>;
  readonly now: () => number;
  readonly report: (fault: Fault) => void;
}

/** Hints as rows beside the actors that gave them: committed with their turn, and gone when a consumer is done with them. */
export class Jobs {
  readonly #options: JobsOptions;
  readonly #pool = new Pool(WIDTH);
  readonly #running = new Map<Shard, Set<string>>();
  readonly #looks = new Map<Shard, { at: number; timer: ReturnType<typeof setTimeout> }>();
  #started = false;

  constructor(options: JobsOptions) {
    this.#options = options;
  }

  /** Whatever an earlier process left, and whatever comes from now on. */
  start(): void {
    this.#started = true;
    for (const shard of this.#options.shards) this.look(shard);
  }

  stop(): void {
    this.#started = false;
    for (const { timer } of this.#looks.values()) clearTimeout(timer);
    this.#looks.clear();
  }

  get idle(): boolean {
    return this.#pool.idle;
  }

  /** Looks for due jobs in a file, unless that will happen sooner anyway. */
  look(shard: Shard, afterMs = 0): void {
    const at = this.#options.now() + afterMs;
    const planned = this.#looks.get(shard);
    if (!this.#started || (planned && planned.at <= at)) return;
    clearTimeout(planned?.timer);
    const timer = setTimeout(() => {
      this.#looks.delete(shard);
      this.#work(shard).catch(() => this.look(shard, FIRST_RETRY_MS));
    }, afterMs);
    this.#looks.set(shard, { at, timer });
  }

  async #work(shard: Shard): Promise<void> {
    const now = this.#options.now();
    const running = this.#runningOf(shard);
    const due = (await shard.take((store) => dueJobs(store, now))).filter((job) => !running.has(idOf(job)));
    for (const job of due) this.#begin(shard, job);
    const next = await shard.take((store) => nextAfter(store, now));
    if (next !== null) this.look(shard, Math.min(Math.max(next - now, 0), LONGEST_RETRY_MS));
  }

  #begin(shard: Shard, job: JobRow): void {
    const running = this.#runningOf(shard).add(idOf(job));
    this.#pool
      .run(() => this.#once(shard, job))
      .catch(() => {})
      .finally(() => {
        running.delete(idOf(job));
        if (running.size < WIDTH) this.look(shard);
      });
  }

  #runningOf(shard: Shard): Set<string> {
    const running = this.#running.get(shard) ?? new Set();
    this.#running.set(shard, running);
    return running;
  }

  async #once(shard: Shard, job: JobRow): Promise<void> {
    const attempt = job.attempt + 1;
    const outcome = await this.#attempt(job, attempt);
    const dead = !outcome.done && attempt >= MOST_ATTEMPTS;
    if (dead) this.#dead(job, outcome.error);
    const at = outcome.done ? 0 : this.#options.now() + outcome.retryAfterMs;
    await shard.take((store) => {
      if (dead && this.#options.consumers.has(DEAD_LETTERS) && job.queue !== DEAD_LETTERS)
        keepJob(store, addressOf(job.actor), DEAD_LETTERS, `${job.queue} ${job.key}`, this.#options.now());
      if (outcome.done || dead) finish(store, job);
      else again(store, job, at);
    });
  }

  async #attempt(job: JobRow, attempt: number) {
    try {
      const consumer = this.#options.consumers.get(job.queue);
      if (!consumer) throw new Error(`no consumer of queue ${job.queue}`);
      return { error: 'not done', ...(await consumer({ actor: addressOf(job.actor), key: job.key }, attempt)) };
    } catch (error) {
      const retryAfterMs = Math.min(FIRST_RETRY_MS << (attempt - 1), LONGEST_RETRY_MS);
      return { done: false as const, retryAfterMs, error: String(error) };
    }
  }

  #dead(job: JobRow, error: string): void {
    this.#options.report({ type: 'hint-dead', actor: addressOf(job.actor), key: `${job.queue} ${job.key}`, error });
  }
}

/** In the turn's own transaction; to be done at `at` (ms), or earlier where an earlier hint wants it. */
export function keepJob(store: Store, self: Address, queue: string, key: string, at: number): void {
  store.run(
    `INSERT INTO host_job (actor, queue, key, round, at) VALUES (?1, ?2, ?3, ?4, ?4)
     ON CONFLICT (actor, queue, key) DO UPDATE SET round = MAX(round + 1, excluded.round), attempt = 0, at = MIN(at, excluded.at)`,
    [nameOf(self), queue, key, at],
  );
}

/** An erased actor leaves no job behind. */
export function dropJobs(store: Store, self: Address): void {
  store.run(`DELETE FROM host_job WHERE actor = ?1`, [nameOf(self)]);
}

function idOf(job: JobRow): string {
  return JSON.stringify([job.actor, job.queue, job.key]);
}

function dueJobs(store: Store, now: number): JobRow[] {
  return store.all<JobRow>(
    `SELECT actor, queue, key, round, attempt FROM host_job WHERE at <= ?1 ORDER BY at LIMIT ${2 * WIDTH}`,
    [now],
  );
}

function nextAfter(store: Store, now: number): number | null {
  return store.all<{ at: number | null }>(`SELECT MIN(at) AS at FROM host_job WHERE at > ?1`, [now])[0]?.at ?? null;
}

function finish(store: Store, job: JobRow): void {
  store.run(`DELETE FROM host_job WHERE actor = ?1 AND queue = ?2 AND key = ?3 AND round = ?4`, [
    job.actor,
    job.queue,
    job.key,
    job.round,
  ]);
}

/** A hint that came meanwhile has begun a new round, which keeps its own time. */
function again(store: Store, job: JobRow, at: number): void {
  store.run(
    `UPDATE host_job SET attempt = attempt + 1, at = ?5 WHERE actor = ?1 AND queue = ?2 AND key = ?3 AND round = ?4`,
    [job.actor, job.queue, job.key, job.round, at],
  );
}
