import type { ClientConfig } from '../config.ts';

/** The deadlines of calls by name; setting one takes back the one before. */
export class Timers {
  readonly #after: ClientConfig['after'];
  readonly #running = new Map<string, () => void>();

  constructor(after: ClientConfig['after']) {
    this.#after = after;
  }

  /** Null takes it back. */
  set(name: string, ms: number | null, run: () => void): void {
    this.#running.get(name)?.();
    this.#running.delete(name);
    if (ms === null) return;
    const cancel = this.#after(Math.max(0, ms), () => {
      this.#running.delete(name);
      run();
    });
    this.#running.set(name, cancel);
  }

  stop(): void {
    for (const cancel of this.#running.values()) cancel();
    this.#running.clear();
  }
}
