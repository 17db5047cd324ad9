import { concat } from '../../bytes/join.ts';
import { fromUtf8, utf8 } from '../../bytes/utf8.ts';
import type { Bytes, CryptoProvider } from '../crypto/provider.ts';
import { CallsignError } from '../errors.ts';
import type { Change, Collection, KeyStore } from '../store.ts';
import { decodeRows, encodeRows, type Rows } from './rows.ts';

/** What the store needs of `node:fs/promises`, which Node and Deno have. */
export interface FileSystem {
  readFile(path: string): Promise<Uint8Array>;
  open(path: string, flags: string, mode?: number): Promise<FileHandle>;
  rename(from: string, to: string): Promise<void>;
}

export interface FileHandle {
  writeFile(data: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** First byte of the file. Then a nonce of 12 bytes and AES-256-GCM, its additional data this byte. */
const FORM = Uint8Array.of(1);

export interface FileStoreOptions {
  /** `import * as fs from 'node:fs/promises'` */
  readonly fs: FileSystem;
  readonly path: string;
  /** 32 bytes that the application keeps elsewhere: the platform's keychain, a TPM. Under it the file is encrypted. */
  readonly key: Bytes;
  readonly crypto: CryptoProvider;
}

/**
 * A file for one process. Every write makes the file anew beside the old one and puts it in its place, so that it is the
 * old or the new state after a crash, and what was deleted is in neither afterwards. Rejects with `store-key` when the file
 * was not made under this key, or was changed.
 */
export async function fileStore({ fs, path, key, crypto }: FileStoreOptions): Promise<KeyStore> {
  let rows = await read(fs, path, key, crypto);
  let tail: Promise<unknown> = Promise.resolve();

  async function save(next: Rows): Promise<void> {
    const nonce = crypto.random(12);
    const sealed = await crypto.gcmSeal(key, nonce, FORM, utf8(encodeRows(next)));
    const file = await fs.open(`${path}.new`, 'w', 0o600);
    try {
      await file.writeFile(concat(FORM, nonce, sealed));
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(`${path}.new`, path);
  }

  async function write(changes: readonly Change[], absent: readonly { collection: Collection; id: string }[]) {
    if (absent.some(({ collection, id }) => rows.has(nameOf(collection, id)))) return false;
    const next = new Map(rows);
    for (const { collection, id, value } of changes) {
      if (value === undefined) next.delete(nameOf(collection, id));
      else next.set(nameOf(collection, id), value);
    }
    await save(next);
    rows = next;
    return true;
  }

  return {
    bytesOnly: true,
    get: async (collection, id) => structuredClone(rows.get(nameOf(collection, id))),
    async ids(collection) {
      const names = [...rows.keys()].filter((name) => name.startsWith(`${collection}/`));
      return names.map((name) => name.slice(collection.length + 1));
    },
    write(changes, absent = []) {
      const done = tail.then(() => write(changes, absent));
      tail = done.catch(() => undefined);
      return done;
    },
  };
}

const nameOf = (collection: Collection, id: string): string => `${collection}/${id}`;

async function read(fs: FileSystem, path: string, key: Bytes, crypto: CryptoProvider): Promise<Rows> {
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(await fs.readFile(path));
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return new Map();
    throw new CallsignError('local', 'store-unreadable', { cause: error });
  }
  const form = bytes.subarray(0, 1);
  const plain = form[0] === FORM[0] ? await crypto.gcmOpen(key, bytes.subarray(1, 13), form, bytes.subarray(13)) : null;
  const rows = plain && decodeRows(fromUtf8(plain) ?? '');
  if (!rows) throw new CallsignError('local', 'store-key');
  return rows;
}
