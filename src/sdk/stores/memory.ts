import type { Collection, KeyStore } from '../store.ts';

/** For tests and for devices that forget: what is in it ends with the process. */
export function memoryStore(): KeyStore & { dump(): ReadonlyMap<string, unknown> } {
  const rows = new Map<string, unknown>();
  const at = (collection: Collection, id: string) => `${collection}/${id}`;
  return {
    async get(collection, id) {
      return rows.get(at(collection, id));
    },
    async ids(collection) {
      return [...rows.keys()]
        .filter((key) => key.startsWith(`${collection}/`))
        .map((key) => key.slice(collection.length + 1));
    },
    async write(changes, absent = []) {
      if (absent.some(({ collection, id }) => rows.has(at(collection, id)))) return false;
      for (const { collection, id, value } of changes) {
        if (value === undefined) rows.delete(at(collection, id));
        else rows.set(at(collection, id), value);
      }
      return true;
    },
    dump: () => rows,
  };
}
