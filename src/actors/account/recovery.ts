import { base64url } from '../../bytes/base64url.ts';
import { settle } from '../../directory/manifest/recovery.ts';
import { judgeRecovery } from '../../directory/recovery/judge.ts';
import { RECOVERY, type RecoveryState } from '../../protocol/recovery.ts';
import { record } from '../events.ts';
import type { Json, Turn } from '../port.ts';
import type { AccountCommand } from './command.ts';
import { headOf, manifestsAfter } from './head.ts';
import { tellAccount } from './notice.ts';
import { claimWarnings, endWarnings, planWarnings, settleWarning } from './warnings.ts';

export const RECOVERY_DEADLINE = 'recovery';
const MAIL_LIFE_MS = 22 * 3_600_000;

type RecoveryCommand = AccountCommand & { do: 'recovery' };

/** One recovery of this account's handles by another account, from its start to when it is forgotten. */
interface Row {
  readonly recovery: string;
  readonly state: RecoveryState;
  /** The account that will have the handles. */
  readonly by: string;
  readonly started_at: number;
  readonly due_at: number;
  /** Canonical handles, JSON. */
  readonly handles: string;
  readonly veto: string | null;
  readonly ended_at: number | null;
}

const COLUMNS = 'recovery, state, by, started_at, due_at, handles, veto, ended_at';

function rows(t: Turn): Row[] {
  return t.all<Row>(`SELECT ${COLUMNS} FROM account_recovery WHERE actor = ?1 ORDER BY started_at DESC, recovery`);
}

/** The recovery that waits for its delay; null when there is none. */
export function pendingRecovery(t: Turn): Row | null {
  return rows(t).find(({ state }) => state === 'pending') ?? null;
}

export function onRecovery(t: Turn, command: RecoveryCommand): Json {
  switch (command.step) {
    case 'start':
      return start(t, command);
    case 'list':
      return { ok: true, recoveries: recoveriesOf(t) };
    case 'veto':
      return veto(t, command.recovery, command.veto);
    case 'warn':
      return warn(t, command.recovery);
    case 'warned':
      return settleWarning(t, command.recovery, command.id, command.outcome);
    case 'by-key':
      return byKey(t, command.keyHash);
    case 'recovered-from':
      return recoveredFrom(t, command);
  }
}

/** What lookups show of it: what waits, what was vetoed, what this account took over. */
export function recoveriesOf(t: Turn): Json[] {
  const taken = t.all<{ account: string; recovery: string; started_at: number; at: number }>(
    `SELECT account, recovery, started_at, at FROM account_reset WHERE actor = ?1 ORDER BY at DESC`,
  );
  return [
    ...rows(t).map((row) => viewOf(t, row)),
    ...taken.map(({ account, recovery, started_at: startedAt, at }) => ({
      recovery,
      state: 'completed',
      account,
      by: t.self.name,
      startedAt,
      dueAt: at,
      veto: null,
    })),
  ];
}

function viewOf(t: Turn, { recovery, state, by, started_at: startedAt, due_at: dueAt, veto: said }: Row) {
  return { recovery, state, account: t.self.name, by, startedAt, dueAt, veto: said };
}

/** Asked again by the same account it is the same recovery. */
function start(t: Turn, { by, handles }: RecoveryCommand & { step: 'start' }): Json {
  const before = rows(t);
  const own = before.find((row) => row.by === by && row.state !== 'vetoed');
  if (own) return { ok: true, ...viewOf(t, own) };
  if (before.some(({ state }) => state === 'pending')) return { ok: false, reason: 'recovery-pending' };
  const head = headOf(t);
  if (!head) return { ok: false, reason: 'unknown-account' };
  const vetoedAt = before.find(({ state }) => state === 'vetoed')?.ended_at ?? null;
  const proved = t
    .all<{ handle: string; commitment: string; since: number }>(
      `SELECT handle, commitment, verified_at AS since FROM account_handle WHERE actor = ?1`,
    )
    .filter(({ handle }) => handles.includes(handle));
  const judged = judgeRecovery({ terms: settle(head.recovery, t.now).effective, proved, vetoedAt }, t.now);
  if (!judged.ok) return judged;
  const recovery = base64url(t.random(16));
  t.run(
    `INSERT INTO account_recovery (actor, recovery, state, by, started_at, due_at, handles, notified) VALUES (?1, ?2, 'pending', ?3, ?4, ?5, ?6, 0)`,
    recovery,
    by,
    t.now,
    judged.dueAt,
    JSON.stringify(handles),
  );
  t.wake(RECOVERY_DEADLINE, nextOf(t));
  const row = rows(t).find((one) => one.recovery === recovery);
  if (!row) return { ok: false, reason: 'malformed' };
  tell(t, row);
  planWarnings(t, recovery);
  return { ok: true, ...viewOf(t, row) };
}

/** Asked by the job: only while it waits is there anything to warn of. */
function warn(t: Turn, recovery: string): Json {
  const pending = pendingRecovery(t);
  return pending?.recovery === recovery ? claimWarnings(t, recovery, pending.due_at) : { ok: true, warnings: [] };
}

/** Any device in force says no; the route verified its signature. A veto stands for thirty days. */
function veto(t: Turn, recovery: string, said: string): Json {
  const row = rows(t).find((one) => one.recovery === recovery);
  if (!row) return { ok: false, reason: 'unknown-recovery' };
  if (row.state === 'completed') return { ok: false, reason: 'recovery-over' };
  if (row.state === 'pending') {
    t.run(
      `UPDATE account_recovery SET state = 'vetoed', veto = ?3, ended_at = ?4 WHERE actor = ?1 AND recovery = ?2`,
      recovery,
      said,
      t.now,
    );
    t.wake(RECOVERY_DEADLINE, nextOf(t));
    tell(t, { ...row, state: 'vetoed' });
    endWarnings(t, recovery, false);
  }
  const kept = rows(t).find((one) => one.recovery === recovery) ?? row;
  return { ok: true, ...viewOf(t, kept), handles: JSON.parse(kept.handles) as Json };
}

/** The delay is over and nobody said no: the other account may take the handles, and says in lookups from whom. */
export function onRecoveryDue(t: Turn): void {
  for (const row of rows(t)) {
    if (row.state !== 'pending' || row.due_at > t.now) continue;
    t.run(
      `UPDATE account_recovery SET state = 'completed', ended_at = ?3 WHERE actor = ?1 AND recovery = ?2`,
      row.recovery,
      t.now,
    );
    const from = { account: t.self.name, recovery: row.recovery, startedAt: row.started_at, at: row.due_at };
    const mail = { do: 'recovery', step: 'recovered-from', ...from };
    t.post({ kind: 'account', name: row.by }, 'recovered', mail, t.now + MAIL_LIFE_MS);
    tell(t, { ...row, state: 'completed' });
    endWarnings(t, row.recovery, true);
  }
  t.run(`DELETE FROM account_recovery WHERE actor = ?1 AND ended_at <= ?2`, t.now - RECOVERY.afterVetoMs);
  t.wake(RECOVERY_DEADLINE, nextOf(t));
}

function nextOf(t: Turn): number | null {
  const times = rows(t).map((row) => (row.ended_at === null ? row.due_at : row.ended_at + RECOVERY.afterVetoMs));
  return times.length === 0 ? null : Math.min(...times);
}

/** Mail of the account whose handles this one takes over. */
function recoveredFrom(t: Turn, from: RecoveryCommand & { step: 'recovered-from' }): Json {
  t.run(
    `INSERT OR IGNORE INTO account_reset (actor, account, recovery, started_at, at) VALUES (?1, ?2, ?3, ?4, ?5)`,
    from.account,
    from.recovery,
    from.startedAt,
    from.at,
  );
  const news = { recovery: from.recovery, state: 'completed', by: t.self.name, dueAt: from.at } as const;
  tellAccount(t, { type: 'recovery', ...news }, `recovered.${from.recovery}`);
  return { ok: true };
}

/** Where an account is, to who has its recovery key; to everybody else there is none. */
function byKey(t: Turn, keyHash: string): Json {
  const head = headOf(t);
  if (!head || settle(head.recovery, t.now).effective.keyHash !== keyHash)
    return { ok: false, reason: 'recovery-refused' };
  return { ok: true, account: head.account, manifests: manifestsAfter(t, 0) };
}

function tell(t: Turn, { recovery, state, by, due_at: dueAt }: Row): void {
  tellAccount(t, { type: 'recovery', recovery, state, by, dueAt }, `recovery.${recovery}.${state}`);
  const severity = state === 'pending' ? 'notice' : 'info';
  record(t, { type: `recovery.${state}`, severity, subject: t.self.name, reference: recovery });
}
