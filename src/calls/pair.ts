/**
 * The pair lock: of two accounts that call each other at the same time, one call survives. Its rows live with the
 * account of the lower id, whoever calls, so that one place decides.
 */
import type { LockAnswer } from './command.ts';
import type { LockRequest } from './effect.ts';

/** One open call between two accounts; forgotten at `until`, released only by its own call. */
export type PairRow = { call: string; caller: string; callee: string; until: number };

export type PairDecision = {
  rows: PairRow[];
  answer: LockAnswer;
  /** Calls to tell `glare` with this survivor, durably, in the same commit. */
  losers: string[];
};

/**
 * `rows` are those of this pair. Calls in the same direction do not meet. Against opposite ones the lowest call id (as
 * text, which is byte order) survives; rows of losers go at once, so that nobody merges into them.
 */
export function takeLock(rows: readonly PairRow[], request: LockRequest, now: number): PairDecision {
  const { call, until } = request;
  const own = { call, caller: request.caller.account, callee: request.callee, until };
  const live = rows.filter((row) => row.until > now && row.call !== call);
  const opposite = live.filter((row) => row.caller === own.callee && row.callee === own.caller);
  const lowest = opposite.map((row) => row.call).sort()[0];
  if (lowest === undefined) return { rows: [...live, own], answer: { lock: 'taken' }, losers: [] };
  if (lowest < call) return { rows: live, answer: { lock: 'glare', survivor: lowest, other: lowest }, losers: [] };
  const standing = live.filter((row) => !opposite.includes(row));
  const losers = opposite.map((row) => row.call);
  return { rows: [...standing, own], answer: { lock: 'glare', survivor: call, other: lowest }, losers };
}

export function releaseLock(rows: readonly PairRow[], call: string, now: number): PairRow[] {
  return rows.filter((row) => row.call !== call && row.until > now);
}
