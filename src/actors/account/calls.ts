import type { PolicyAnswer } from '../../calls/command.ts';
import type { AccountMail, LockRequest } from '../../calls/effect.ts';
import { type PairRow, releaseLock, takeLock } from '../../calls/pair.ts';
import { isStranger, judgeInvite, STRANGER_WINDOW_MS } from '../../calls/policy.ts';
import { HISTORY_KEEP_MS, type HistoryFrame, type HistoryRow } from '../../protocol/history.ts';
import { TOPIC } from '../../protocol/courier.ts';
import type { Json, Turn } from '../port.ts';
import { bucketOf, saveBucket } from './buckets.ts';
import { refreshSet } from './callable.ts';
import { staleLegs } from './capability.ts';
import type { AccountCommand } from './command.ts';
import { headOf } from './head.ts';
import { hasCalled } from './lookup.ts';
import { tellDevices } from './notice.ts';
import { policyOf } from './policy.ts';

export const HISTORY_DEADLINE = 'history';
const LOCK_ANSWER_MS = 60_000;

/** Mail of a call: what the account says to it, whom it locks, what it remembers. */
export function onCallMail(t: Turn, mail: AccountMail): Json {
  switch (mail.type) {
    case 'invite-question':
      return judge(t, mail);
    case 'lock-take':
      return lock(t, mail.lock);
    case 'lock-release':
      savePairs(t, mail, releaseLock(pairs(t, mail.caller, mail.callee), mail.call, t.now));
      return { ok: true };
    case 'history':
      return remember(t, mail.row);
  }
}

function judge(t: Turn, mail: AccountMail & { type: 'invite-question' }): PolicyAnswer | { ok: false; reason: string } {
  const head = headOf(t);
  if (!head) return { ok: false, reason: 'unknown-account' };
  const set = refreshSet(t, head);
  const name = `invite ${mail.from.device}`;
  const policy = policyOf(t);
  const { answer, bucket } = judgeInvite(
    policy,
    {
      caller: mail.from.account,
      devices: mail.legs.map((leg) => leg.device),
      set: mail.set,
      callable: { set: set.number, devices: set.devices.map(({ device }) => ({ device })) },
      staleCapabilities: staleLegs(t, mail.from, mail.legs, set.number),
      bucket: bucketOf(t, name),
      unanswered: isStranger(policy, mail.from.account) ? unanswered(t, mail.from.account) : 0,
      random: (t.random(1)[0] ?? 0) / 256,
    },
    t.now,
  );
  saveBucket(t, name, bucket);
  return answer.verdict === 'ring' && mail.lock ? { ...answer, lock: lock(t, mail.lock) } : answer;
}

/** Calls of a stranger that nobody answered lately; none counts for somebody the account has talked with. */
function unanswered(t: Turn, caller: string): number {
  if (hasCalled(t, caller)) return 0;
  const since = t.now - STRANGER_WINDOW_MS;
  return (
    t.all<{ n: number }>(
      `SELECT COUNT(*) AS n FROM account_history WHERE actor = ?1 AND peer = ?2 AND ended_at > ?3`,
      caller,
      since,
    )[0]?.n ?? 0
  );
}

function lock(t: Turn, request: LockRequest) {
  const { rows, answer, losers } = takeLock(pairs(t, request.caller.account, request.callee), request, t.now);
  savePairs(t, { caller: request.caller.account, callee: request.callee }, rows);
  if (answer.lock === 'glare') {
    for (const loser of losers) {
      const body = { do: 'glare', account: t.self.name, survivor: answer.survivor };
      t.post({ kind: 'call', name: loser }, 'glare', body, t.now + LOCK_ANSWER_MS);
    }
  }
  return answer;
}

function pairs(t: Turn, a: string, b: string): PairRow[] {
  return t.all<PairRow>(
    `SELECT call, caller, callee, until FROM account_pair WHERE actor = ?1 AND ((caller = ?2 AND callee = ?3) OR (caller = ?3 AND callee = ?2)) ORDER BY call`,
    a,
    b,
  );
}

function savePairs(t: Turn, { caller, callee }: { caller: string; callee: string }, rows: readonly PairRow[]): void {
  t.run(
    `DELETE FROM account_pair WHERE actor = ?1 AND ((caller = ?2 AND callee = ?3) OR (caller = ?3 AND callee = ?2))`,
    caller,
    callee,
  );
  for (const row of rows)
    t.run(
      `INSERT INTO account_pair (actor, call, caller, callee, until) VALUES (?1, ?2, ?3, ?4, ?5)`,
      row.call,
      row.caller,
      row.callee,
      row.until,
    );
}

/** One row per call (G6): the first that comes stays, and every device of the account hears of it. */
function remember(t: Turn, row: HistoryRow): Json {
  if (!headOf(t)) return { ok: false, reason: 'unknown-account' };
  const added = t.run(
    `INSERT OR IGNORE INTO account_history (actor, call, row, peer, direction, outcome, ended_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
    row.call,
    JSON.stringify(row),
    row.peer,
    row.direction,
    row.outcome,
    row.endedAt,
  );
  if (added > 0) tellCalls(t, { type: 'row', row }, `history.${row.call}`);
  t.wake(HISTORY_DEADLINE, t.now + 86_400_000);
  return { ok: true };
}

function tellCalls(t: Turn, frame: HistoryFrame, id: string): void {
  tellDevices(t, TOPIC.history, frame, id);
}

export function history(t: Turn, { before, limit }: AccountCommand & { do: 'history' }): Json {
  const rows = t.all<{ row: string }>(
    `SELECT row FROM account_history WHERE actor = ?1 AND deleted = 0 AND ended_at < ?2 ORDER BY ended_at DESC, call LIMIT ?3`,
    before ?? Number.MAX_SAFE_INTEGER,
    limit,
  );
  return { ok: true, rows: rows.map(({ row }) => JSON.parse(row) as Json) };
}

/** Marked, not dropped: a row that comes late must not bring a deleted call back. */
export function deleteHistory(t: Turn, calls: readonly string[]): Json {
  const gone = calls.filter(
    (call) =>
      t.run(`UPDATE account_history SET deleted = 1, row = '{}' WHERE actor = ?1 AND call = ?2 AND deleted = 0`, call) >
      0,
  );
  if (gone.length > 0) tellCalls(t, { type: 'deleted', calls: gone }, `history-deleted.${t.now}.${gone[0] ?? ''}`);
  return { ok: true, deleted: gone };
}

export function forgetOldHistory(t: Turn): void {
  t.run(`DELETE FROM account_history WHERE actor = ?1 AND ended_at <= ?2`, t.now - HISTORY_KEEP_MS);
  const left = t.all<{ n: number }>(`SELECT COUNT(*) AS n FROM account_history WHERE actor = ?1`)[0]?.n ?? 0;
  if (left > 0) t.wake(HISTORY_DEADLINE, t.now + 86_400_000);
}
