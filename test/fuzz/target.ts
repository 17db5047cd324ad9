/** What a fuzz target is; one file per target in test/fuzz/targets/, listed in run.ts. */

export interface Target {
  readonly name: string;
  /** Samples to mutate; false when they are absent, after one line that says so. */
  prepare(): Promise<boolean>;
  /**
   * One mutation judged. The word is counted (`refused`, `accepted-unchanged`, …). A broken promise is thrown as Finding; any
   * other exception is a finding as well.
   */
  once(random: Random): Promise<string>;
}

export class Finding extends Error {}

/** Deterministic: the same seed gives the same run (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 to `below` - 1. */
  next(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.next(values.length)]!;
  }
}
