import { Memory } from '../../actors/kernel/memory.ts';

/** Reads every time what it is asked to recall, and throws where that is not what it kept in mind. */
export class WatchedMemory extends Memory {
  override recall<T>(table: string, what: string, read: () => T): T {
    const kept = super.recall(table, what, read);
    const rows = JSON.stringify(read());
    if (JSON.stringify(kept) !== rows)
      throw new Error(`${table} (${what}) was kept in mind otherwise than its rows say: ${rows}`);
    return kept;
  }
}
