import { pushTag } from '../../courier/push-tag.ts';
import type { MailboxEffect } from '../../courier/mailbox.ts';
import { base64url } from '../../bytes/base64url.ts';
import type { PushSubscription } from '../../protocol/push.ts';
import { record } from '../events.ts';
import type { Json, Turn } from '../port.ts';
import type { DeviceCommand } from './command.ts';
import { bodyOf } from './rows.ts';
import type { Self } from './self.ts';
import { forgetGone, subscriptionOf } from './subscription.ts';

/**
 * Pushes of this device, a row for each ring. The row is the push: the queue only says that there is one. It is claimed before it is
 * sent, so that however often a hint comes one push leaves; a claim whose sender died ends, and then the push may leave again under
 * the same tag, which the push service and the device take for the same.
 *
 *   due       to be sent at `at`
 *   claimed   somebody sends it; until `at` nobody else does
 *   sent      the push service took it
 *   over      nothing more to do: acknowledged or cancelled before it was sent, undeliverable, too late
 */
type State = 'due' | 'claimed' | 'sent' | 'over';

interface WakeupRow {
  readonly seq: number;
  readonly call: string;
  readonly tag: string;
  readonly until: number;
  readonly state: State;
  readonly attempt: number;
  readonly at: number;
}

export const WAKEUP_DEADLINE = 'wakeups';
const QUEUE = 'wakeups';
/** A sender that has not said within this what came of its push has died; longer than a push may take. */
const CLAIM_MS = 15_000;
/** A hint that was lost is given again after this. */
const HINT_AGAIN_MS = 5_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 15_000;
/** How long a woken device may ask what its push was about, after the ring. */
const KEEP_MS = 3_600_000;

/** The mailbox wants the device woken for this row. Without a subscription nothing can be done. */
export function planWakeup(t: Turn, { seq, push }: Extract<MailboxEffect, { type: 'push' }>): void {
  const kept = subscriptionOf(t);
  const ring = bodyOf(t, seq)?.row.id;
  if (!kept || ring === undefined) return;
  const tag = base64url(pushTag(kept.secret, ring, push.from ?? ''));
  const added = t.run(
    `INSERT OR IGNORE INTO device_wakeup (actor, seq, call, tag, until, state, attempt, at) VALUES (?1, ?2, ?3, ?4, ?5, 'due', 0, ?6)`,
    seq,
    push.call,
    tag,
    push.deadline,
    t.now,
  );
  if (added === 0) return;
  t.hint(QUEUE, String(seq));
  arm(t);
}

/** For the queue's consumer: the push, if it is to be sent now and nobody else sends it; else when to come again. */
export function claimWakeup(t: Turn, self: Self, seq: number): Json {
  const row = rowOf(t, seq);
  if (!row || row.state === 'sent' || row.state === 'over') return { ok: true, due: false };
  if (row.at > t.now) return { ok: true, due: false, retryAfterMs: row.at - t.now };
  const kept = subscriptionOf(t);
  if (row.until <= t.now) return settle(t, self, row, 'too-late');
  if (!kept || bodyOf(t, seq)?.row.state !== 'waiting') return settle(t, self, row, null);
  t.run(
    `UPDATE device_wakeup SET state = 'claimed', attempt = attempt + 1, at = ?3 WHERE actor = ?1 AND seq = ?2`,
    seq,
    t.now + CLAIM_MS,
  );
  arm(t);
  return { ok: true, due: true, subscription: kept.subscription, tag: row.tag, until: row.until };
}

/** What the push service made of it. */
export function settleWakeup(t: Turn, self: Self, command: DeviceCommand & { do: 'wakeup-sent' }): Json {
  const row = rowOf(t, command.seq);
  if (row?.state !== 'claimed') return { ok: true, due: false };
  switch (command.outcome) {
    case 'accepted':
      record(t, {
        type: 'push.sent',
        severity: 'info',
        subject: self.device,
        reason: command.subscription.kind,
        reference: row.call,
      });
      return become(t, row, 'sent');
    case 'gone':
      gone(t, self, command.subscription);
      return settle(t, self, row, null);
    case 'misconfigured':
      record(t, {
        type: 'push.misconfigured',
        severity: 'alarm',
        subject: self.device,
        reason: command.detail ?? 'unknown',
        reference: row.call,
      });
      return become(t, row, 'over');
    case 'retry':
      return again(t, self, row, command);
  }
}

/** A subscription that the push service ended; pushes of a newer one are not touched. */
export function gone(t: Turn, self: Self, subscription: PushSubscription): void {
  if (forgetGone(t, subscription))
    record(t, { type: 'push.gone', severity: 'notice', subject: self.device, reason: subscription.kind });
}

function again(
  t: Turn,
  self: Self,
  row: WakeupRow,
  { retryAfterMs, detail }: { retryAfterMs?: number | null; detail?: string },
): Json {
  const pause = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (row.attempt - 1));
  const at = t.now + Math.max(pause, retryAfterMs ?? 0);
  if (at >= row.until) return settle(t, self, row, detail ?? 'too-late');
  t.run(`UPDATE device_wakeup SET state = 'due', at = ?3 WHERE actor = ?1 AND seq = ?2`, row.seq, at);
  arm(t);
  return { ok: true, due: false, retryAfterMs: at - t.now };
}

/** Over; with a reason the operator hears that a ring did not reach this device by push. */
function settle(t: Turn, self: Self, row: WakeupRow, reason: string | null): Json {
  if (reason !== null)
    record(t, { type: 'push.failed', severity: 'warning', subject: self.device, reason, reference: row.call });
  return become(t, row, 'over');
}

function become(t: Turn, { seq }: WakeupRow, state: State): Json {
  t.run(`UPDATE device_wakeup SET state = ?3 WHERE actor = ?1 AND seq = ?2`, seq, state);
  arm(t);
  return { ok: true, due: false };
}

/** Hints that were lost, claims whose sender died, and rows that are of no use any more. */
export function onWakeupsDue(t: Turn): void {
  t.run(`DELETE FROM device_wakeup WHERE actor = ?1 AND until <= ?2`, t.now - KEEP_MS);
  for (const { seq } of t.all<{ seq: number }>(
    `SELECT seq FROM device_wakeup WHERE actor = ?1 AND state IN ('due', 'claimed') AND at <= ?2`,
    t.now,
  ))
    t.hint(QUEUE, String(seq));
  arm(t);
}

function arm(t: Turn): void {
  const { open, last } = t.all<{ open: number | null; last: number | null }>(
    `SELECT MIN(CASE WHEN state IN ('due', 'claimed') THEN at END) AS open, MIN(until) AS last FROM device_wakeup WHERE actor = ?1`,
  )[0] ?? { open: null, last: null };
  const swept = last === null ? null : last + KEEP_MS;
  t.wake(WAKEUP_DEADLINE, open === null ? swept : Math.max(open, t.now) + HINT_AGAIN_MS);
}

function rowOf(t: Turn, seq: number): WakeupRow | null {
  return (
    t.all<WakeupRow>(
      `SELECT seq, call, tag, until, state, attempt, at FROM device_wakeup WHERE actor = ?1 AND seq = ?2`,
      seq,
    )[0] ?? null
  );
}

/** The call that a push with this tag was about, for as long as anybody may ask. */
export function callOfTag(t: Turn, tag: string): string | null {
  return t.all<{ call: string }>(`SELECT call FROM device_wakeup WHERE actor = ?1 AND tag = ?2`, tag)[0]?.call ?? null;
}
