import { keysDigest } from '../directory/keys-digest.ts';
import type { KeyStatus } from '../protocol/api.ts';
import type { OneTimeBatch } from '../protocol/bundle.ts';
import type { KeyStore } from './store.ts';

/** What this device knows to have published. `open`: sent, and the answer never came. */
interface Row {
  readonly bundle: { readonly hash: string; readonly open: string | null } | null;
  readonly batches: readonly (Pick<OneTimeBatch, 'batchId' | 'firstKeyId' | 'count' | 'root' | 'expiresAt'> & {
    readonly open: boolean;
  })[];
}

const PLACE = { collection: 'inbox', id: 'published' } as const;
/** So many uploads without an answer are tried in every combination. */
const MOST_OPEN = 4;

async function read(store: KeyStore): Promise<Row> {
  return ((await store.get(PLACE.collection, PLACE.id)) as Row | undefined) ?? { bundle: null, batches: [] };
}

/** Written before an upload and after its answer, so that what the server says can be compared with it. */
export async function noteBundle(store: KeyStore, hash: string, answered: boolean): Promise<void> {
  const row = await read(store);
  const before = row.bundle?.hash ?? '';
  const bundle = answered ? { hash, open: null } : { hash: before, open: hash };
  await store.write([{ ...PLACE, value: { ...row, bundle } }]);
}

export async function noteBatch(store: KeyStore, batch: OneTimeBatch, answered: boolean, now: number): Promise<void> {
  const row = await read(store);
  const { batchId, firstKeyId, count, root, expiresAt } = batch;
  const others = row.batches.filter((one) => one.batchId !== batchId && one.expiresAt > now);
  const batches = [...others, { batchId, firstKeyId, count, root, expiresAt, open: !answered }];
  await store.write([{ ...PLACE, value: { ...row, batches } }]);
}

/** The server was told to forget its one-time keys: what is published from now on is all there is. */
export async function noteDropped(store: KeyStore): Promise<void> {
  await store.write([{ ...PLACE, value: { ...(await read(store)), batches: [] } }]);
}

export type Finding =
  | 'same'
  /** The server has nothing of this device: it lost what it had. */
  | 'lost'
  /** It has other keys than this device published: an older copy, or somebody else's. */
  | 'mixed';

/**
 * Whether the server has what this device published, by the digest of its status. Uploads whose answer never came may have arrived
 * or not. A device that noted nothing (it published before this was noted) compares nothing.
 */
export async function compare(store: KeyStore, status: KeyStatus, now: number): Promise<Finding> {
  const row = await read(store);
  if (row.bundle === null) return 'same';
  const live = row.batches.filter(({ expiresAt }) => expiresAt > now);
  const open = live.filter((one) => one.open).slice(-MOST_OPEN);
  const sure = live.filter((one) => !one.open);
  const bundles = [row.bundle.hash, row.bundle.open].flatMap((hash) => (hash === null || hash === '' ? [] : [hash]));
  for (let mask = 0; mask < 2 ** open.length; mask++) {
    const arrived = open.filter((_, i) => (mask & (2 ** i)) !== 0);
    for (const bundle of bundles)
      if (keysDigest({ bundle, batches: [...sure, ...arrived] }) === status.digest) return 'same';
  }
  return status.bundle === null && status.left === 0 ? 'lost' : 'mixed';
}
