/**
 * A group call as the server sees it (FTGK/1). Members are talkers that sent a signed JOIN; each accepted change makes an
 * epoch, changes close together share one. The server keeps the log of proofs in the order they came, orders epochs and
 * relays sealed keys; who belongs to the roster the members judge by the log, not by the server's word.
 */
import type { AddedOutcome, GroupView, Party, RosterEntry } from '../protocol/call.ts';

/** An account that a member added, as long as it rings, and what came of it. */
export type Ring = {
  account: string;
  by: Party;
  /** `asked`: its account judges the invitation. */
  state: 'asked' | 'ringing' | 'over';
  /** Rings nowhere, by the account's policy. */
  silenced: boolean;
  startedAt: number;
  ringDeadline: number;
  outcome: AddedOutcome | null;
  answeredBy: string | null;
  answeredAt: number | null;
  /** Its history row is written; an account has one row per call. */
  logged: boolean;
};

export type Group = {
  /** The account that founded it. */
  founder: string;
  /** Highest epoch that was prepared; 0 before the first. */
  epoch: number;
  /** Epoch in force at the members. */
  active: number;
  roster: RosterEntry[];
  /** Participant ids are never used again. */
  nextParticipant: number;
  /** Length of the log of proofs (signed ADMIT, JOIN, REMOVE and LEAVE, opaque), which the actor keeps in rows; and of the part of `epoch`. */
  proofs: number;
  prepared: number;
  preparedAt: number;
  /** Talkers lost for a lease, and until when they may join again. */
  dropped: (Party & { until: number })[];
  /** When the changes that wait are prepared; null: none wait. */
  prepareAt: number | null;
  /** Whether somebody joined since the last `activate`: keys for a joiner may take longer. */
  joining: boolean;
  activateBy: number | null;
  /** Of the epoch being prepared: participant -> senders whose keys it opened. */
  acks: Record<string, number[]>;
  rings: Ring[];
};

export function emptyGroup(founder: string): Group {
  return {
    founder,
    epoch: 0,
    active: 0,
    roster: [],
    nextParticipant: 1,
    proofs: 0,
    prepared: 0,
    preparedAt: 0,
    dropped: [],
    prepareAt: null,
    joining: false,
    activateBy: null,
    acks: {},
    rings: [],
  };
}

export function groupView({ proofs, epoch, prepared, active, roster }: Group): GroupView {
  return { proofs, epoch, prepared, active, roster: [...roster] };
}

/** Every member has opened the keys of every other one. */
export function allAcknowledged(group: Group): boolean {
  return group.roster.every(({ participant }) => {
    const opened = group.acks[participant] ?? [];
    return group.roster.every((sender) => sender.participant === participant || opened.includes(sender.participant));
  });
}
