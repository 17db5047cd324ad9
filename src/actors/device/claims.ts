import { takeToken } from '../../calls/bucket.ts';
import type { OneTimeKey } from '../../protocol/bundle.ts';
import type { Party } from '../../protocol/call.ts';
import { type KeysNews, TOPIC } from '../../protocol/courier.ts';
import type { Envelope } from '../../protocol/envelope.ts';
import { record } from '../events.ts';
import type { Json, Turn } from '../port.ts';
import { obeyMailbox } from './box.ts';
import type { DeviceCommand } from './command.ts';
import { give, unspent } from './keys.ts';
import type { Self } from './self.ts';

/** Keys that one caller, all its devices together, may take of this device: six at once, then one per ten minutes. */
const CLAIMS = { burst: 6, perMs: 600_000 };
/** The last fifth of the keys is for callers that have called before. */
const RESERVED_SHARE = 0.2;
const DAY_MS = 86_400_000;

/**
 * The bundle, and with `claim` a one-time key (G9): given once, the same again for the same request of the same caller
 * device as long as its batch lives, and none rather than an error when there is none to give.
 */
export function keysFor(
  t: Turn,
  self: Self,
  { caller, request, claim, known }: DeviceCommand & { do: 'keys-for' },
): Json {
  const published = t.all<{ bundle: string }>(`SELECT bundle FROM device_bundle WHERE actor = ?1`)[0];
  if (!published || self.revokedAt !== null) return { ok: false, reason: 'no-bundle' };
  const bundle = JSON.parse(published.bundle) as Json;
  if (!claim) return { ok: true, bundle, oneTime: null };
  return { ok: true, bundle, oneTime: claimed(t, self, caller, request, known) as Json };
}

function claimed(t: Turn, self: Self, caller: Party, request: string, known: boolean): OneTimeKey | null {
  const before = t.all<{ answer: string }>(
    `SELECT answer FROM device_claim WHERE actor = ?1 AND caller = ?2 AND request = ?3`,
    caller.device,
    request,
  )[0];
  if (before) return JSON.parse(before.answer) as OneTimeKey | null;
  forgetSpent(t);
  const given = unused(t, caller) ?? fresh(t, self, caller, known);
  t.run(
    `INSERT INTO device_claim (actor, caller, request, answer, batch, at, account, used) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)`,
    caller.device,
    request,
    JSON.stringify(given),
    given ? given.batch.batchId : null,
    t.now,
    caller.account,
  );
  return given;
}

/** Who has a key that no invitation used yet gets it once more: looking up again and again takes no second one. */
function unused(t: Turn, caller: Party): OneTimeKey | null {
  const kept = t.all<{ answer: string }>(
    `SELECT answer FROM device_claim WHERE actor = ?1 AND caller = ?2 AND used = 0 AND batch IS NOT NULL ORDER BY at DESC LIMIT 1`,
    caller.device,
  )[0];
  return kept ? (JSON.parse(kept.answer) as OneTimeKey) : null;
}

/** An invitation of that account came: its keys are used. */
export function markUsed(t: Turn, envelope: Envelope): void {
  if (envelope.push === null || envelope.from === null) return;
  t.run(`UPDATE device_claim SET used = 1 WHERE actor = ?1 AND account = ?2 AND used = 0`, envelope.from);
}

function fresh(t: Turn, self: Self, caller: Party, known: boolean): OneTimeKey | null {
  const batches = unspent(t);
  const row = batches[0];
  if (!row) return null;
  const left = batches.reduce((sum, { count, next }) => sum + count - next, 0);
  const total = batches.reduce((sum, { count }) => sum + count, 0);
  if (!known && left <= Math.floor(total * RESERVED_SHARE)) return null;
  return allowed(t, self, caller) ? give(t, self, row, left) : null;
}

/** One bucket per caller account; closed when it is empty, and then the owner hears who drains it. */
function allowed(t: Turn, self: Self, { account }: Party): boolean {
  const kept =
    t.all<{ tokens: number; at: number }>(
      `SELECT tokens, at FROM device_bucket WHERE actor = ?1 AND name = ?2`,
      `claim ${account}`,
    )[0] ?? null;
  const taken = takeToken(kept, CLAIMS, t.now);
  t.run(
    `INSERT INTO device_bucket (actor, name, tokens, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (actor, name) DO UPDATE SET tokens = excluded.tokens, at = excluded.at`,
    `claim ${account}`,
    taken.bucket.tokens,
    taken.bucket.at,
  );
  if (!taken.ok) drained(t, self, account);
  return taken.ok;
}

/** Once a day and caller: the envelope's id is the same until it expires. */
function drained(t: Turn, self: Self, account: string): void {
  const body: KeysNews = { type: 'drained', account };
  const envelope: Envelope = {
    id: `keys-drained.${account}`,
    topic: TOPIC.keys,
    from: null,
    collapse: null,
    expires: t.now + DAY_MS,
    priority: 'normal',
    control: false,
    volatile: true,
    receipt: null,
    order: null,
    push: null,
    body,
  };
  const put = obeyMailbox(t, self, { type: 'put', envelope });
  if (put?.ok && put.outcome === 'stored')
    record(t, { type: 'keys.drained', severity: 'notice', subject: self.device, reference: account });
}

/** Batches that ended take their claims with them; what was answered without a key is remembered for a day. */
function forgetSpent(t: Turn): void {
  t.run(
    `DELETE FROM device_claim WHERE actor = ?1 AND (batch IN (SELECT batch FROM device_batch WHERE actor = ?1 AND expires <= ?2) OR (batch IS NULL AND at <= ?3))`,
    t.now,
    t.now - DAY_MS,
  );
  t.run(`DELETE FROM device_batch WHERE actor = ?1 AND expires <= ?2`, t.now);
  t.run(`DELETE FROM device_bucket WHERE actor = ?1 AND name LIKE 'claim %' AND at <= ?2`, t.now - DAY_MS);
}
