/** Replay list (RFC 3711 §3.3.2): which of the newest 128 indices have been seen. Indices are safe integers. */
export const WINDOW = 128;

export interface ReplayWindow {
  /** 'stale' when it is too old to say. */
  judge(index: number): 'fresh' | 'replayed' | 'stale';
  /** Only for an index just judged fresh, and only after its message authenticated. */
  mark(index: number): void;
  /** -1 before the first. */
  readonly newest: number;
}

export function replayWindow(): ReplayWindow {
  /** Slot i % 128 holds the newest index seen there. */
  const slots = new Float64Array(WINDOW).fill(-1);
  let newest = -1;
  return {
    judge(index) {
      if (index > newest) return 'fresh';
      if (index <= newest - WINDOW) return 'stale';
      return slots[index % WINDOW] === index ? 'replayed' : 'fresh';
    },
    mark(index) {
      slots[index % WINDOW] = index;
      if (index > newest) newest = index;
    },
    get newest() {
      return newest;
    },
  };
}
