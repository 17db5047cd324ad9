/** Work that is due by the clock and harmless to do again. */
export interface Periodic {
  readonly name: string;
  readonly everyMs: number;
  run(now: number): Promise<void>;
}

const SOON_MS = 1_000;

/**
 * Runs each piece soon after the start, so that a process which restarts often misses nothing, and then at every multiple
 * of its period since 1970 (UTC). A piece that is still running is not started again.
 */
export class Cron {
  readonly #now: () => number;
  readonly #failed: (name: string, error: unknown) => void;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #stopped = false;

  constructor(works: readonly Periodic[], now: () => number, failed: (name: string, error: unknown) => void) {
    this.#now = now;
    this.#failed = failed;
    for (const work of works) this.#plan(work, SOON_MS);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #plan(work: Periodic, afterMs: number): void {
    if (this.#stopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#once(work).then(() => this.#plan(work, work.everyMs - (this.#now() % work.everyMs)));
    }, afterMs);
    this.#timers.add(timer);
  }

  async #once(work: Periodic): Promise<void> {
    try {
      await work.run(this.#now());
    } catch (error) {
      this.#failed(work.name, error);
    }
  }
}
