interface Entry {
  readonly at: number;
  readonly name: string;
}

/** setTimeout counts in 31 bits. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1;
/** Replaced entries that may stay in the heap beside the live ones. */
const MOST_STALE = 1_024;

/** One timer of the process for the earliest wake of very many names (times in ms). */
export class Timers {
  readonly #now: () => number;
  readonly #fire: (name: string) => void;
  readonly #armed = new Map<string, number>();
  /** A binary heap by `at`. Entries that `#armed` no longer agrees with are skipped when they surface. */
  #heap: Entry[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(now: () => number, fire: (name: string) => void) {
    this.#now = now;
    this.#fire = fire;
  }

  /** Replaces what was armed under `name`; null disarms. */
  arm(name: string, at: number | null): void {
    if (this.#armed.get(name) === at) return;
    if (at === null) {
      this.#armed.delete(name);
      return;
    }
    this.#armed.set(name, at);
    this.#push({ at, name });
    if (this.#heap.length > 2 * this.#armed.size + MOST_STALE) this.#compact();
    if (this.#heap[0]!.name === name) this.#set();
  }

  /** Arms only if nothing is armed earlier. */
  armBy(name: string, at: number): void {
    const armed = this.#armed.get(name);
    if (armed === undefined || at < armed) this.arm(name, at);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#armed.clear();
    this.#heap = [];
  }

  #set(): void {
    clearTimeout(this.#timer);
    const first = this.#heap[0];
    if (!first) return;
    this.#timer = setTimeout(() => this.#ring(), Math.min(Math.max(first.at - this.#now(), 0), LONGEST_SLEEP_MS));
  }

  #ring(): void {
    const now = this.#now();
    while (this.#heap.length > 0 && this.#heap[0]!.at <= now) {
      const { at, name } = this.#pop();
      if (this.#armed.get(name) !== at) continue;
      this.#armed.delete(name);
      this.#fire(name);
    }
    this.#set();
  }

  /** A sorted array is a heap. */
  #compact(): void {
    this.#heap = [...this.#armed].map(([name, at]) => ({ name, at })).sort((a, b) => a.at - b.at);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let child = heap.push(entry) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (heap[parent]!.at <= entry.at) break;
      heap[child] = heap[parent]!;
      child = parent;
    }
    heap[child] = entry;
  }

  #pop(): Entry {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
      if (heap[child]!.at >= last.at) break;
      heap[parent] = heap[child]!;
      parent = child;
    }
    heap[parent] = last;
    return top;
  }
}
