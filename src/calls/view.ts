/** What a device may know of a call when it comes back: `GET /v1/calls/{id}` and `/v1/calls/active`, `POST /v1/wake`. */
import type { CallState, EndReason, LegState, Party } from '../protocol/call.ts';
import type { Call } from './call.ts';
import { rolesOf } from './roles.ts';
import type { Role } from './roles.ts';

export type CallView = {
  call: string;
  rev: number;
  state: CallState;
  attempt: number;
  roles: Role[];
  serverNow: number;
  media: string[];
  /** The account at the other end; of a group, the one that placed or was called. */
  peer: string;
  ringDeadline: number | null;
  connectDeadline: number | null;
  reason: EndReason | null;
  into: string | null;
  /** This device's leg. */
  leg: LegState | null;
  /** The device that holds the call; only talkers and the winner's own account learn it. */
  winner: string | null;
};

/** Null for a stranger, who hears the same as for a call that does not exist. */
export function view(call: Call, party: Party, now: number): CallView | null {
  const roles = rolesOf(call, party);
  if (roles.length === 0) return null;
  const { id, rev, state, attempt, media, ringDeadline, connectDeadline, reason, into } = call;
  const leg = call.legs.find((one) => one.device === party.device && one.account === party.account);
  return {
    call: id,
    rev,
    state,
    attempt,
    roles,
    serverNow: now,
    media,
    peer: leg ? leg.inviter : call.callee,
    ringDeadline,
    connectDeadline,
    reason,
    into,
    leg: leg?.state ?? null,
    winner: leg || roles.includes('talker') ? call.winner : null,
  };
}
