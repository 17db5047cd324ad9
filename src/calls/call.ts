/** A call as its actor keeps it: plain data, one JSON row. Routing data only; every body in it is sealed to one device. */
import type { CallState, EndReason, LegState, Party, Reply } from '../protocol/call.ts';
import type { Group } from './group.ts';

/** One callee device's part in the ringing. */
export type Leg = {
  account: string;
  device: string;
  /** Account that called: the caller's, or in a group the one that added it. */
  inviter: string;
  state: LegState;
  message: string;
  capability: string;
  /** The sealed invitation, until it is handed to the device's mailbox. */
  body: string | null;
  /** The device acknowledged the invitation: it reached it. */
  delivered: boolean;
};

/** A device that may send media: the caller and the winner, later every member of the group. */
export type Talker = {
  account: string;
  device: string;
  /** Whether its call-plane socket is open. */
  socket: boolean;
  /** Its peers were told that it is lost. */
  lost: boolean;
  /** When its part ends unless it is heard; null while its socket is open or the call is not connected. */
  leaseUntil: number | null;
};

/** What a new call waits for before it rings. */
export type Waiting = 'policy' | 'replace' | 'lock';

/** Why a call rings nowhere although its caller hears it ring. */
export type Silence = 'blocked' | 'do-not-disturb' | 'contacts-only' | 'stranger-limit';

export type Call = {
  id: string;
  /** Grows with every frame about this call. */
  rev: number;
  state: CallState;
  /** Of the invitation; the caller raises it when it repeats a refused one. */
  attempt: number;
  /** The first inviter owns the call id. */
  caller: Party;
  callee: string;
  /** What was asked, reduced by a merge and by the answer. */
  media: string[];
  app: string | null;
  /** The application's, visible; returned in events. */
  reference: string | null;
  set: number;
  ringMs: number;
  replaces: string | null;
  /** `new` only; empty once it was refused. */
  waiting: Waiting[];
  /** What the last attempt was refused with. */
  refusal: (Reply & { ok: false }) | null;
  /** The pair lock's row is ours to release. */
  locked: boolean;
  /** Rings nowhere and has no legs; the caller hears it ring after `ringAfterMs`. */
  silence: { cause: Silence; log: boolean; ringAfterMs: number } | null;
  legs: Leg[];
  /** Device that holds the call; set once. */
  winner: string | null;
  /** The caller has been told that a device alerts. */
  remoteRinging: boolean;
  /** Glare: the call that merged into this one, and the device of the callee that placed it. */
  merged: { call: string; device: string } | null;
  /** Glare: a merge that came before this call rang. */
  merging: { call: string; party: Party; media: string[] } | null;
  /** Glare, at the loser: what became of the merge; null until it is known and the caller told. */
  mergeOutcome: 'merged' | 'standing' | 'gone' | 'unknown' | null;
  talkers: Talker[];
  group: Group | null;

  createdAt: number;
  ringingAt: number | null;
  ringDeadline: number | null;
  /** While it rings: when the caller counts as gone. */
  callerLeaseUntil: number | null;
  grantedAt: number | null;
  connectDeadline: number | null;
  connectedAt: number | null;
  endedAt: number | null;

  reason: EndReason | null;
  detail: string | null;
  /** Device that ended, answered or declined it. */
  by: string | null;
  /** Glare or replacement: the call that goes on. */
  into: string | null;
  /** Replies by `<device>/<verb>/<attempt>`: a repeated verb gets the same one. */
  replies: Record<string, Reply>;
};

const OPEN: ReadonlySet<LegState> = new Set(['pending', 'sent', 'delivered', 'alerting', 'answering']);

/** A leg that can still answer. */
export function isOpen(leg: Leg): boolean {
  return OPEN.has(leg.state);
}

/** The account whose actor keeps the pair lock of two accounts, whoever calls: the lower id, compared as text. */
export function lockOwner(a: string, b: string): string {
  return a < b ? a : b;
}

const TEXTS = new WeakMap<Call, string>();

/** Its row. Made once per state: a call that was decided is changed no more. */
export function textOf(call: Call): string {
  const known = TEXTS.get(call);
  if (known !== undefined) return known;
  const text = JSON.stringify(call);
  TEXTS.set(call, text);
  return text;
}
