import { CallsignError } from '../errors.ts';
import type { KeyStore } from '../store.ts';

const ROWS = 'rows';

/**
 * A browser's database, which keeps CryptoKeys as they are: private keys stay non-extractable. One database is one device;
 * several tabs may share it, the newest connection of a device takes over.
 */
export async function indexedDbStore(name = 'callsign'): Promise<KeyStore & { close(): void }> {
  const db = await open(name);
  return {
    get: (collection, id) => result(rows(db, 'readonly').get([collection, id])),
    async ids(collection) {
      const keys = await result(rows(db, 'readonly').getAllKeys(IDBKeyRange.bound([collection], [collection, []])));
      return keys.map((key) => (key as [string, string])[1]);
    },
    write(changes, absent = []) {
      const transaction = db.transaction(ROWS, 'readwrite', { durability: 'strict' });
      const store = transaction.objectStore(ROWS);
      let refused = false;
      function put(): void {
        for (const { collection, id, value } of changes) {
          if (value === undefined) store.delete([collection, id]);
          else store.put(value, [collection, id]);
        }
      }
      let open = absent.length;
      if (open === 0) put();
      for (const { collection, id } of absent) {
        const request = store.getKey([collection, id]);
        request.addEventListener('success', () => {
          refused ||= request.result !== undefined;
          if (--open === 0 && !refused) put();
        });
      }
      return ended(transaction).then(() => !refused);
    },
    close: () => db.close(),
  };
}

function open(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.addEventListener('upgradeneeded', () => request.result.createObjectStore(ROWS));
  return result(request);
}

const rows = (db: IDBDatabase, mode: IDBTransactionMode): IDBObjectStore =>
  db.transaction(ROWS, mode).objectStore(ROWS);

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(unusable(request.error)));
  });
}

function ended(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.addEventListener('complete', () => resolve());
    transaction.addEventListener('abort', () => reject(unusable(transaction.error)));
  });
}

const unusable = (cause: unknown): CallsignError => new CallsignError('local', 'store-unusable', { cause });
