import type { TrustStore } from '../../attestation/trust/store.ts';
import type { ListHead, Repositories } from '../../db/repositories.ts';
import { acceptList, refused } from './accept.ts';
import { type Fetcher, fetchList, type Source } from './fetch.ts';
import { LIST_NAMES, type ListName } from './stored.ts';

const HOUR = 3_600_000;
/** A list is fetched again when it was last seen so long ago. */
export const FETCH_AGAIN_MS = 6 * HOUR;
/** From here on the operator is told, once a day. */
export const STALE_MS = 24 * HOUR;
/** Chores come every five minutes; a list that could not be fetched is tried again in the first of an hour. */
const CHORE_MS = 300_000;

export interface Lists {
  readonly db: Pick<Repositories, 'lists' | 'events'>;
  readonly trust: { reload(): Promise<TrustStore>; readonly base: TrustStore };
  readonly sources: ReadonlyMap<ListName, Source>;
  readonly fetcher: Fetcher;
}

/** Fetches what is configured and due, brings it into force, and tells what became stale. */
export async function refreshLists({ db, trust, sources, fetcher }: Lists, now: number): Promise<void> {
  const heads = await db.lists.heads();
  let changed = false;
  for (const name of LIST_NAMES) {
    const source = sources.get(name);
    const head = heads.find((one) => one.name === name) ?? null;
    if (source === undefined || !isDue(head, now)) continue;
    const fetched = await fetchList(source, fetcher);
    if (fetched.ok) {
      const accepted = await acceptList(db, trust.base, { name, bytes: fetched.bytes, fetchedAt: now, now });
      changed ||= accepted.ok;
    } else await db.events.tell(refused({ name, now }, fetched.reason));
  }
  if (changed) await trust.reload();
  await tellStale(db, new Set(sources.keys()), now);
}

function isDue(head: ListHead | null, now: number): boolean {
  if (head === null) return true;
  const age = now - head.fetchedAt;
  return age >= FETCH_AGAIN_MS && (age < FETCH_AGAIN_MS + HOUR || now % HOUR < CHORE_MS);
}

/** Lists that somebody relies on: those in force, and those that are configured. */
async function tellStale(db: Lists['db'], configured: ReadonlySet<string>, now: number): Promise<void> {
  const heads = await db.lists.heads();
  for (const name of LIST_NAMES) {
    const head = heads.find((one) => one.name === name);
    if (head === undefined ? !configured.has(name) : now - head.fetchedAt < STALE_MS) continue;
    await db.events.tell({
      id: `list/${name}/stale/${Math.floor(now / STALE_MS)}`,
      at: now,
      type: 'list.stale',
      severity: 'alarm',
      subject: name,
      reason: head === undefined ? 'never fetched' : `last seen at ${head.fetchedAt}`,
    });
  }
}
