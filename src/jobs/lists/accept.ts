import { MAX_STATUS_LIST, readStatusList } from '../../attestation/android/status-list.ts';
import { readMetadata } from '../../attestation/trust/metadata.ts';
import type { TrustStore } from '../../attestation/trust/store.ts';
import { fromUtf8 } from '../../bytes/utf8.ts';
import type { NewEvent } from '../../db/events.ts';
import type { ListHead, Repositories } from '../../db/repositories.ts';
import { type ListName, MAX_STORED, type Packed, packMetadata, packStatus } from './stored.ts';

/** Bytes of a list as it arrives, whichever. */
export const MAX_LIST = MAX_STATUS_LIST;

export interface Offer {
  readonly name: ListName;
  readonly bytes: Uint8Array;
  /** When its publisher gave it out, ms: staleness is judged by it. */
  readonly fetchedAt: number;
  readonly now: number;
}

export type Accepted =
  /** `changed`: another list than before is in force. */
  | { readonly ok: true; readonly version: number; readonly changed: boolean }
  | { readonly ok: false; readonly reason: string; readonly detail: string };

interface Read {
  readonly ok: true;
  readonly version: number;
  readonly nextUpdate: number | null;
  readonly packed: Packed;
}

/**
 * Verifies a list and brings it into force: read whole or not at all, never older than the one in force, the same content
 * again only younger. Whatever comes of it is an event.
 */
export async function acceptList(
  db: Pick<Repositories, 'lists' | 'events'>,
  base: TrustStore,
  offer: Offer,
): Promise<Accepted> {
  const outcome = await store(db, base, offer);
  if (!outcome.ok) await db.events.tell(refused(offer, outcome.reason));
  return outcome;
}

/** A list that was not taken, once an hour and reason. */
export function refused({ name, now }: Pick<Offer, 'name' | 'now'>, reason: string): NewEvent {
  const id = `list/${name}/refused/${reason}/${Math.floor(now / 3_600_000)}`;
  return { id, at: now, type: 'list.refused', severity: 'alarm', subject: name, reason };
}

async function store({ lists }: Pick<Repositories, 'lists'>, base: TrustStore, offer: Offer): Promise<Accepted> {
  const { name, fetchedAt, now } = offer;
  if (offer.bytes.length > MAX_LIST) return no('too-large', `more than ${MAX_LIST} bytes`);
  if (fetchedAt > now) return no('from-the-future', 'fetched later than now');
  const current = (await lists.heads()).find((head) => head.name === name) ?? null;
  const read = await (name === 'mds' ? readMds(base, offer, current) : readAndroid(offer, current));
  if (!read.ok) return read;
  const { version, nextUpdate, packed } = read;
  if (packed.body.length > MAX_STORED) return no('too-large', `more than ${MAX_STORED} bytes to keep`);
  if (current !== null && current.digest === packed.digest) {
    await lists.seen(name, current.version, fetchedAt);
    return { ok: true, version: current.version, changed: false };
  }
  if (current !== null && (fetchedAt < current.fetchedAt || version <= current.version))
    return no('rollback', `the list in force is version ${current.version}, seen at ${current.fetchedAt}`);
  const told = {
    id: `list/${name}/${version}`,
    at: now,
    type: 'list.imported',
    severity: 'info',
    subject: name,
    reference: String(version),
  } as const;
  const row = { name, version, fetchedAt, nextUpdate, digest: packed.digest, body: packed.body };
  return { ok: true, version, changed: await lists.put(row, told) };
}

/** The number is the publisher's own. */
async function readMds(
  trust: TrustStore,
  { bytes, fetchedAt, now }: Offer,
  current: ListHead | null,
): Promise<Read | (Accepted & { ok: false })> {
  const blob = (fromUtf8(bytes) ?? '').trim();
  const read = await readMetadata({ blob, trust, now, fetchedAt, previousNo: current?.version ?? null });
  if (!read.ok) return no(read.reason, read.detail);
  const { no: version, nextUpdate } = read.list;
  return { ok: true, version, nextUpdate, packed: await packMetadata(read.list) };
}

/** The list has no number, so its time is one: nothing that was fetched earlier comes after. */
async function readAndroid(
  { bytes, fetchedAt }: Offer,
  current: ListHead | null,
): Promise<Read | (Accepted & { ok: false })> {
  const read = readStatusList(bytes, fetchedAt);
  if (read === null) return no('malformed', 'not a status list');
  const version = Math.max(fetchedAt, (current?.version ?? 0) + 1);
  return { ok: true, version, nextUpdate: null, packed: await packStatus(read) };
}

function no(reason: string, detail: string): Accepted & { ok: false } {
  return { ok: false, reason, detail };
}
