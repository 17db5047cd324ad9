/** For the operator: how far a call came and what stopped it. Ids, states and times; a call holds no handle and no content. */
import type { Call, Leg } from './call.ts';

/** What became of a call's ringing, in one word; `docs/operations.md` says what to do about each. */
export type Why =
  /** Nobody has decided yet. */
  | 'waiting'
  /** The callee's account said no, or could not be asked: see the reason. */
  | 'refused'
  /** It rings nowhere and its caller hears it ring. */
  | 'silenced'
  /** It lost a glare, or gave way to a newer call of the same device, before it rang. */
  | 'merged'
  | 'replaced'
  /** The caller took it back, or was lost, before any device could be told. */
  | 'taken-back'
  /** No device has acknowledged the invitation: offline, and no push brought it. */
  | 'not-reached'
  /** A device has the invitation and has not alerted: it did not verify there, was busy, or its end came in the same backlog. */
  | 'not-alerted'
  | 'rang';

/** A milestone, as the feed has it. */
export interface Milestone {
  readonly type: string;
  readonly at: number;
  readonly reason: string | null;
}

const SILENCES: ReadonlySet<string> = new Set(['blocked', 'do-not-disturb', 'contacts-only', 'stranger-limit']);

/** From the milestones alone, which outlive the call. */
export function whyOf(milestones: readonly Milestone[]): Why {
  const last = (type: string) => milestones.findLast((one) => one.type === type);
  const [ringing, withdrawn] = [last('call.ringing'), last('call.withdrawn')];
  if (ringing && SILENCES.has(ringing.reason ?? '')) return 'silenced';
  if (last('call.alerting') || last('call.granted')) return 'rang';
  if (ringing) return last('call.delivered') ? 'not-alerted' : 'not-reached';
  if (withdrawn?.reason === 'glare-merged') return 'merged';
  if (withdrawn?.reason === 'replaced') return 'replaced';
  if (withdrawn) return 'taken-back';
  return last('call.refused') ? 'refused' : 'waiting';
}

/** One leg as an operator may see it. `reached`: its device acknowledged the invitation. */
export interface LegSight {
  readonly account: string;
  readonly device: string;
  readonly state: Leg['state'];
  readonly reached: boolean;
}

/** A call that its actor still keeps. Times are ms since 1970. */
export interface CallSight {
  readonly state: Call['state'];
  readonly rev: number;
  readonly caller: { readonly account: string; readonly device: string };
  readonly callee: string;
  readonly attempt: number;
  readonly waitsFor: readonly string[];
  readonly refusal: string | null;
  readonly silence: string | null;
  readonly legs: readonly LegSight[];
  readonly winner: string | null;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly into: string | null;
  readonly createdAt: number;
  readonly ringDeadline: number | null;
  readonly endedAt: number | null;
}

export function sightOf(call: Call): CallSight {
  const { state, rev, caller, callee, attempt, winner, reason, detail, into } = call;
  const { createdAt, ringDeadline, endedAt } = call;
  return {
    state,
    rev,
    caller: { account: caller.account, device: caller.device },
    callee,
    attempt,
    waitsFor: [...call.waiting],
    refusal: call.refusal?.reason ?? null,
    silence: call.silence?.cause ?? null,
    legs: call.legs.map((leg) => ({
      account: leg.account,
      device: leg.device,
      state: leg.state,
      reached: leg.delivered,
    })),
    winner,
    reason,
    detail,
    into,
    createdAt,
    ringDeadline,
    endedAt,
  };
}
