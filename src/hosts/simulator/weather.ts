/** What may happen to messages and actors; probabilities of one occasion, durations in milliseconds. */
export interface Weather {
  /** A mail, ask or hint is lost on its way. */
  readonly lost: number;
  /** It arrives and its answer is lost. */
  readonly unanswered: number;
  /** It arrives twice. */
  readonly twice: number;
  readonly leastDelayMs: number;
  readonly mostDelayMs: number;
  /** A turn's process dies before its commit: nothing of it happened. */
  readonly crashBeforeCommit: number;
  /** A turn's process dies after its commit: its rows are there, its effects are not. */
  readonly crashAfterCommit: number;
  /** Each actor's clock is off by up to this much, either way. */
  readonly skewMs: number;
}

export const CALM: Weather = {
  lost: 0,
  unanswered: 0,
  twice: 0,
  leastDelayMs: 1,
  mostDelayMs: 5,
  crashBeforeCommit: 0,
  crashAfterCommit: 0,
  skewMs: 0,
};

export const STORM: Weather = {
  lost: 0.1,
  unanswered: 0.1,
  twice: 0.1,
  leastDelayMs: 0,
  mostDelayMs: 400,
  crashBeforeCommit: 0.02,
  crashAfterCommit: 0.02,
  skewMs: 1_000,
};
