/** Where a device keeps what must survive it: keys, its place in the mailbox, what it verified of others. */

/** `value` is structured-cloneable: plain data, bytes, CryptoKeys. Undefined deletes. */
export interface Change {
  readonly collection: Collection;
  readonly id: string;
  readonly value: unknown;
}

/**
 * identity: who this device is. prekey, kem, one-time: private keys of its bundle, by key id. inbox: its place in the
 * mailbox. seen: invitations opened. head: verified heads by account. pin: handle -> account.
 */
export type Collection = 'identity' | 'prekey' | 'kem' | 'one-time' | 'inbox' | 'seen' | 'head' | 'pin';

export interface KeyStore {
  get(collection: Collection, id: string): Promise<unknown>;
  ids(collection: Collection): Promise<string[]>;
  /** All of it or nothing, durable when it resolves. False, and nothing written, when an id of `absent` is there already. */
  write(changes: readonly Change[], absent?: readonly { collection: Collection; id: string }[]): Promise<boolean>;
}

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
