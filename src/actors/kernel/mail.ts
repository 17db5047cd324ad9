import type { Address, Json, Mail, Reply } from '../port.ts';
import type { Memory } from './memory.ts';
import { addressOf, nameOf, PortError, type Store } from './store.ts';

/** How long a receiver remembers a sender's last number, at least; a mail lives shorter than that. */
export const MEMORY_MS = 24 * 3_600_000;
export const LONGEST_UNTIL_MS = 23 * 3_600_000;
/** How often what is too old to be remembered goes. */
const TIDY_MS = 3_600_000;
/** A body on its way is bounded by what every host's row can hold. */
export const MAX_BODY_CHARS = 1_000_000;
/** When a mail whose flight was not heard of again is sent once more. */
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

/** Numbers start at the sender's clock, so a sender that was erased and made again still counts upward. */
const NUMBERS_PER_MS = 1_024;

/** Mail as a turn wrote it. */
export interface Post {
  readonly to: Address;
  readonly key: string;
  /** The body as JSON. */
  readonly text: string;
  readonly until: number;
}

export function written(now: number, to: Address, key: string, body: Json, until: number): Post {
  if (until > now + LONGEST_UNTIL_MS) throw new PortError(`mail ${key} may live at most 23 h`);
  const text = JSON.stringify(body);
  if (text.length > MAX_BODY_CHARS) throw new PortError(`mail ${key} is larger than ${MAX_BODY_CHARS} characters`);
  return { to, key, text, until };
}

export function enqueue(
  store: Store,
  self: Address,
  memory: Memory,
  now: number,
  { to, key, text, until }: Post,
): void {
  const [actor, peer] = [nameOf(self), nameOf(to)];
  const last = lastNumber(store, self, memory, peer);
  if (last === undefined) forgetOld(store, self, memory, now);
  const number = Math.max((last ?? 0) + 1, now * NUMBERS_PER_MS);
  store.run(
    `INSERT INTO port_sent (actor, peer, last) VALUES (?1, ?2, ?3) ON CONFLICT (actor, peer) DO UPDATE SET last = excluded.last`,
    [actor, peer, number],
  );
  store.run(
    `INSERT INTO port_outbox (actor, peer, number, key, body, until, retry_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
    [actor, peer, number, key, text, until, now + FIRST_RETRY_MS],
  );
  memory.sent(peer, number);
  if (memory.waiting !== undefined) memory.waiting++;
}

/**
 * What is older than a mail can live, of what was sent and heard. Looks at every peer, so it is done once in a while and not for each
 * new one.
 */
function forgetOld(store: Store, self: Address, memory: Memory, now: number): void {
  if (memory.tidied !== undefined && now < memory.tidied + TIDY_MS) return;
  const [actor, since] = [nameOf(self), now - MEMORY_MS];
  store.run(`DELETE FROM port_sent WHERE actor = ?1 AND last < ?2`, [actor, since * NUMBERS_PER_MS]);
  store.run(`DELETE FROM port_heard WHERE actor = ?1 AND at < ?2`, [actor, since]);
  memory.tidied = now;
}

/** The last number given out to a peer; undefined when none was in the last 24 h, and perhaps an hour more. */
function lastNumber(store: Store, self: Address, memory: Memory, peer: string): number | undefined {
  const actor = nameOf(self);
  memory.numbered ??= store.all(`SELECT 1 FROM port_sent WHERE actor = ?1 LIMIT 1`, [actor]).length > 0;
  if (!memory.numbered) return undefined;
  return (
    memory.lastSent(peer) ??
    store.all<{ last: number }>(`SELECT last FROM port_sent WHERE actor = ?1 AND peer = ?2`, [actor, peer])[0]?.last
  );
}

/**
 * Whether mail to this peer may be handed over in its sender's commit, without number and memory: nothing of this pair waits, and
 * nothing of it has flown for as long as a flight could still arrive late.
 */
export function isFree(store: Store, self: Address, memory: Memory, to: Address): boolean {
  return !hasMail(store, self, memory) && lastNumber(store, self, memory, nameOf(to)) === undefined;
}

interface OutboxRow {
  readonly peer: string;
  readonly number: number;
  readonly key: string;
  readonly body: string;
  readonly until: number;
}

const HEADS = `FROM port_outbox AS o WHERE o.actor = ?1
  AND o.number = (SELECT MIN(i.number) FROM port_outbox AS i WHERE i.actor = ?1 AND i.peer = o.peer)`;

/** How much mail is in the outbox. */
export function mailWaiting(store: Store, self: Address, memory: Memory): number {
  return (memory.waiting ??= store.all<{ n: number }>(`SELECT COUNT(*) AS n FROM port_outbox WHERE actor = ?1`, [
    nameOf(self),
  ])[0]!.n);
}

/** Whether there is mail in the outbox. */
export function hasMail(store: Store, self: Address, memory: Memory): boolean {
  return mailWaiting(store, self, memory) > 0;
}

/** The next mail to each peer that is new or due again; `expired` ones are to be answered `unavailable` instead. */
export function heads(store: Store, self: Address, memory: Memory, now: number): { mail: Mail; expired: boolean }[] {
  if (!hasMail(store, self, memory)) return [];
  const rows = store.all<OutboxRow>(
    `SELECT o.peer, o.number, o.key, o.body, o.until ${HEADS} AND (o.attempt = 0 OR o.retry_at <= ?2 OR o.until <= ?2)`,
    [nameOf(self), now],
  );
  return rows.map((row) => ({
    mail: { from: self, to: addressOf(row.peer), number: row.number, key: row.key, body: JSON.parse(row.body) as Json },
    expired: row.until <= now,
  }));
}

/** When the outbox wants to be looked at again, or null when it is empty. */
export function nextRetry(store: Store, self: Address, memory: Memory): number | null {
  if (!hasMail(store, self, memory)) return null;
  return (
    store.all<{ at: number | null }>(`SELECT MIN(MIN(o.retry_at, o.until)) AS at ${HEADS}`, [nameOf(self)])[0]?.at ??
    null
  );
}

/** Takes a mail out of the outbox; null when it was settled before. */
export function settle(
  store: Store,
  self: Address,
  memory: Memory,
  to: Address,
  number: number,
): { key: string } | null {
  const [settled = null] = store.all<{ key: string }>(
    `DELETE FROM port_outbox WHERE actor = ?1 AND peer = ?2 AND number = ?3 RETURNING key`,
    [nameOf(self), nameOf(to), number],
  );
  if (settled && memory.waiting !== undefined) memory.waiting--;
  return settled;
}

/** After a flight that was not answered: the next try, later each time. */
export function defer(store: Store, self: Address, to: Address, number: number, now: number): void {
  store.run(
    `UPDATE port_outbox SET attempt = attempt + 1, retry_at = ?4 + MIN(?5, 50 << MIN(attempt, 12)) WHERE actor = ?1 AND peer = ?2 AND number = ?3`,
    [nameOf(self), nameOf(to), number, now, LONGEST_RETRY_MS],
  );
}

/** The reply already given to this number, or null when the mail is new. */
export function heard(store: Store, self: Address, mail: Mail): { reply: Json } | null {
  const row = store.all<{ last: number; reply: string }>(
    `SELECT last, reply FROM port_heard WHERE actor = ?1 AND peer = ?2`,
    [nameOf(self), nameOf(mail.from)],
  )[0];
  if (!row || mail.number > row.last) return null;
  return { reply: mail.number === row.last ? (JSON.parse(row.reply) as Json) : null };
}

export function remember(store: Store, self: Address, memory: Memory, mail: Mail, reply: Json, now: number): void {
  forgetOld(store, self, memory, now);
  store.run(
    `INSERT INTO port_heard (actor, peer, last, reply, at) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (actor, peer) DO UPDATE SET last = excluded.last, reply = excluded.reply, at = excluded.at`,
    [nameOf(self), nameOf(mail.from), mail.number, JSON.stringify(reply), now],
  );
}

export const UNAVAILABLE: Reply = { ok: false, reason: 'unavailable' };
