import type { RosterEntry } from '../protocol/call.ts';

/** The roster of a group call and the epoch being prepared. Members are the call's talkers; participant ids are never reused. */
export type Group = {
  /** Highest epoch that was prepared; 0 before the first. */
  epoch: number;
  /** Epoch in force at the members. */
  active: number;
  roster: readonly RosterEntry[];
  nextParticipant: number;
  /** Signed ADMIT, JOIN, REMOVE and LEAVE since the last `prepare`, opaque. */
  proofs: readonly string[];
};
