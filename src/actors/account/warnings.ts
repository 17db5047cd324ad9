import { record } from '../events.ts';
import type { Json, Turn } from '../port.ts';

/**
 * Warnings of a recovery to the handles of the account, a row for each: so that an owner without a device at hand hears of it too. The
 * row is the warning; the queue only says that there is one. What a provider did not take is tried again until the recovery is over,
 * and the operator hears of it at once. The delay does not wait for them: whoever runs the provider would decide over it.
 *
 *   due       to be sent at `at`
 *   claimed   somebody sends it; until `at` nobody else does
 *   sent      a provider took it
 *   off       there is no provider for it
 */
type State = 'due' | 'claimed' | 'sent' | 'off';

/** `failed`: tried again; `off`: this deployment has nothing that warns a handle of this kind. */
export type WarningOutcome = 'sent' | 'failed' | 'off';

export interface Warning {
  /** Names this warning: a repeat of it is the same message. */
  readonly id: string;
  readonly kind: 'phone' | 'email';
  /** Canonical. */
  readonly handle: string;
  /** When the recovery is over unless a device vetoes, ms. */
  readonly until: number;
}

interface Row {
  readonly n: number;
  readonly handle: string;
  readonly state: State;
  readonly attempt: number;
  readonly at: number;
}

export const WARNING_DEADLINE = 'warnings';
const QUEUE = 'warnings';
/** Longer than three tries of a provider take; then the sender has died. */
const CLAIM_MS = 60_000;
const FIRST_RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 3_600_000;
/** A hint that was lost is given again after this. */
const HINT_AGAIN_MS = 30_000;

/** To every handle that a code was sent to. Those of identity providers have no address, and those for tests are nobody's. */
export function planWarnings(t: Turn, recovery: string): void {
  const handles = t.all<{ handle: string }>(
    `SELECT handle FROM account_handle WHERE actor = ?1 AND method NOT IN ('oidc', 'test') ORDER BY handle`,
  );
  handles.forEach(({ handle }, n) =>
    t.run(
      `INSERT INTO account_warning (actor, recovery, n, handle, state, attempt, at) VALUES (?1, ?2, ?3, ?4, 'due', 0, ?5)`,
      recovery,
      n,
      handle,
      t.now,
    ),
  );
  if (handles.length === 0) return;
  t.hint(QUEUE, recovery);
  t.wake(WARNING_DEADLINE, t.now + HINT_AGAIN_MS);
}

/** For the queue's consumer: the warnings that are to be sent now and that nobody else sends. */
export function claimWarnings(t: Turn, recovery: string, until: number): Json {
  const due = rowsOf(t, recovery).filter(({ state, at }) => (state === 'due' || state === 'claimed') && at <= t.now);
  for (const { n } of due) become(t, recovery, n, 'claimed', { attempts: 1, at: t.now + CLAIM_MS });
  arm(t);
  const warnings = due.map(({ n, handle }) => ({ id: `${recovery}.${n}`, kind: kindOf(handle), handle, until }));
  return { ok: true, warnings };
}

/** What came of one of them. */
export function settleWarning(t: Turn, recovery: string, id: string, outcome: WarningOutcome): Json {
  const row = rowsOf(t, recovery).find(({ n }) => id === `${recovery}.${n}`);
  if (row?.state !== 'claimed') return { ok: true };
  if (outcome === 'failed') {
    const pause = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (row.attempt - 1));
    become(t, recovery, row.n, 'due', { attempts: 0, at: t.now + pause });
  } else become(t, recovery, row.n, outcome, { attempts: 0, at: t.now });
  if (outcome === 'sent') tell(t, recovery, row, 'recovery.warned', '');
  else if (row.attempt === 1) tell(t, recovery, row, 'recovery.not-warned', outcome);
  arm(t);
  return { ok: true };
}

/** The recovery is over: nobody is warned of it any more. Whom no warning reached by then the operator hears once more. */
export function endWarnings(t: Turn, recovery: string, completed: boolean): void {
  for (const row of completed ? rowsOf(t, recovery) : [])
    if (row.state !== 'sent') tell(t, recovery, row, 'recovery.not-warned', 'too-late');
  t.run(`DELETE FROM account_warning WHERE actor = ?1 AND recovery = ?2`, recovery);
  arm(t);
}

/** The deadline: the hint may have been lost, or it is time for another try. */
export function onWarningsDue(t: Turn): void {
  const waiting = t.all<{ recovery: string }>(
    `SELECT DISTINCT recovery FROM account_warning WHERE actor = ?1 AND state IN ('due', 'claimed') AND at <= ?2`,
    t.now,
  );
  for (const { recovery } of waiting) t.hint(QUEUE, recovery);
  if (waiting.length > 0) t.wake(WARNING_DEADLINE, t.now + HINT_AGAIN_MS);
  else arm(t);
}

function rowsOf(t: Turn, recovery: string): Row[] {
  return t.all<Row>(
    `SELECT n, handle, state, attempt, at FROM account_warning WHERE actor = ?1 AND recovery = ?2 ORDER BY n`,
    recovery,
  );
}

function become(
  t: Turn,
  recovery: string,
  n: number,
  state: State,
  { attempts, at }: { readonly attempts: number; readonly at: number },
): void {
  t.run(
    `UPDATE account_warning SET state = ?4, attempt = attempt + ?5, at = ?6 WHERE actor = ?1 AND recovery = ?2 AND n = ?3`,
    recovery,
    n,
    state,
    attempts,
    at,
  );
}

function arm(t: Turn): void {
  const [next] = t.all<{ at: number | null }>(
    `SELECT MIN(at) AS at FROM account_warning WHERE actor = ?1 AND state IN ('due', 'claimed')`,
  );
  t.wake(WARNING_DEADLINE, next?.at ?? null);
}

function kindOf(handle: string): Warning['kind'] {
  return handle.startsWith('tel:') ? 'phone' : 'email';
}

function tell(t: Turn, recovery: string, { handle }: Row, type: string, why: string): void {
  const severity = type === 'recovery.warned' ? 'info' : 'alarm';
  const reason = [kindOf(handle), ...(why === '' ? [] : [why])].join(': ');
  record(t, { type, severity, subject: t.self.name, reason, reference: recovery });
}
