interface Task {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** Virtual time: tasks in order of their time, those of one time in the order they were planned. A binary heap. */
export class Timeline {
  #now: number;
  #planned = 0;
  readonly #heap: Task[] = [];

  constructor(now: number) {
    this.#now = now;
  }

  get now(): number {
    return this.#now;
  }

  /** Plans `run`; the returned function takes it back. */
  plan(at: number, run: () => void): () => void {
    const task: Task = { at: Math.max(at, this.#now), order: this.#planned++, run, cancelled: false };
    this.#heap.push(task);
    this.#rise(this.#heap.length - 1);
    return () => {
      task.cancelled = true;
    };
  }

  /** When the next task is, or null. */
  next(): number | null {
    while (this.#heap[0]?.cancelled) this.#pop();
    return this.#heap[0]?.at ?? null;
  }

  /** Runs the next task; false when there is none. */
  step(): boolean {
    if (this.next() === null) return false;
    const task = this.#pop() as Task;
    this.#now = task.at;
    task.run();
    return true;
  }

  /** Lets time pass without a task. */
  skipTo(at: number): void {
    this.#now = Math.max(this.#now, at);
  }

  #before(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a] as Task, this.#heap[b] as Task];
    return x.at === y.at ? x.order < y.order : x.at < y.at;
  }

  #swap(a: number, b: number): void {
    [this.#heap[a], this.#heap[b]] = [this.#heap[b] as Task, this.#heap[a] as Task];
  }

  #rise(index: number): void {
    for (let at = index; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #pop(): Task | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (this.#heap.length > 0 && last) {
      this.#heap[0] = last;
      this.#sink();
    }
    return first;
  }

  #sink(): void {
    for (let at = 0; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let least = at;
      if (left < this.#heap.length && this.#before(left, least)) least = left;
      if (right < this.#heap.length && this.#before(right, least)) least = right;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }
}
