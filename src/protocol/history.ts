/** Call history: one row per call and account, the same on all devices of the account. */

/** `missed` is told apart: cancelled, no-answer, busy and unreachable are four kinds of not answered. */
export type Outcome = 'answered' | 'declined' | 'cancelled' | 'no-answer' | 'busy' | 'unreachable' | 'failed';

export type HistoryRow = {
  call: string;
  /** Whose row this is. */
  account: string;
  direction: 'outgoing' | 'incoming';
  /** The other account. */
  peer: string;
  outcome: Outcome;
  media: string[];
  /** Device of `account` that placed, answered or declined the call: the others show "elsewhere". Null: none did. */
  by: string | null;
  /** The account's own policy kept it from ringing. */
  silenced: boolean;
  group: boolean;
  startedAt: number;
  answeredAt: number | null;
  endedAt: number;
};

/** How long an account keeps a row that nobody deleted. */
export const HISTORY_KEEP_MS = 90 * 24 * 3_600_000;

/** Topic `history`: a row came or changed, or rows were deleted on another device. */
export type HistoryFrame = { type: 'row'; row: HistoryRow } | { type: 'deleted'; calls: string[] };
