/**
 * Both call each other: exactly one call is left. The pair lock (pair.ts) names the survivor, the lower call id. Two
 * commits: the losing call ends if it has not been granted, and only then the survivor is answered for the device that
 * placed the loser. A crash between them leaves the survivor ringing.
 */
import type { Party } from '../protocol/call.ts';
import { ADMISSION_MS, poorerMedia } from '../protocol/call.ts';
import { grant } from './answer.ts';
import { lockOwner } from './call.ts';
import type { LegState } from '../protocol/call.ts';
import type { CallMail } from './command.ts';
import type { Draft } from './draft.ts';
import { end } from './end.ts';

export type Merge = { call: string; party: Party; media: string[] };

/** First commit: this call loses. Its caller is told when the survivor has answered. */
export function loseTo(draft: Draft, survivor: string): void {
  const { call, now } = draft;
  end(draft, 'glare-merged', { into: survivor, tellCaller: false });
  const { id: from, caller: party, callee, media } = call;
  draft.post(survivor, { type: 'merge', from, party, callee, media }, now + call.ringMs);
  draft.deadline('merge', now + ADMISSION_MS);
}

/** The lock's account found an opposite call with a lower id than ours. */
export function onGlare(draft: Draft, account: string, survivor: string): void {
  const { call, now } = draft;
  if (account !== lockOwner(call.callee, call.caller.account)) return;
  if (draft.is('new', 'ringing')) return loseTo(draft, survivor);
  if (draft.is('granted', 'connected')) draft.post(survivor, { type: 'standing', from: call.id }, now + ADMISSION_MS);
}

/** Second commit, at the survivor. `from` was placed by a device of our callee to our caller's account, or it is not glare. */
export function onMerge(draft: Draft, mail: CallMail & { type: 'merge' }): void {
  const { call } = draft;
  const { from, party, media } = mail;
  if (party.account !== call.callee || mail.callee !== call.caller.account) return;
  const merge = { call: from, party, media };
  if (call.state === 'new' && call.refusal === null) call.merging = merge;
  else if (call.state === 'ringing') autoAnswer(draft, merge);
  else outcome(draft, from, call.grantedAt === null ? 'gone' : 'standing');
}

/** Legs that the callee's user has not spent: placing a call after having ignored this one is consent to it. */
const ANSWERABLE: ReadonlySet<LegState> = new Set([
  'pending',
  'sent',
  'delivered',
  'alerting',
  'ignored',
  'busy',
  'failed',
]);

/** Grants the survivor to the device that placed the loser; its sealed answer follows. A device without a leg rings on. */
export function autoAnswer(draft: Draft, merge: Merge): void {
  const { call } = draft;
  call.merging = null;
  const leg = draft.leg(merge.party);
  if (!leg || !ANSWERABLE.has(leg.state)) return outcome(draft, merge.call, 'standing');
  call.merged = { call: merge.call, device: leg.device };
  call.media = poorerMedia(call.media, merge.media);
  grant(draft, leg, { call: merge.call, media: call.media });
  outcome(draft, merge.call, 'merged');
}

function outcome(draft: Draft, to: string, what: 'merged' | 'standing' | 'gone'): void {
  draft.post(to, { type: 'merge-outcome', from: draft.call.id, outcome: what }, draft.now + ADMISSION_MS);
}

/** At the loser: tell its caller where it went, or to place the call again when the survivor had already ended. */
export function onMergeOutcome(draft: Draft, what: 'merged' | 'standing' | 'gone' | 'unknown'): void {
  const { call } = draft;
  if (call.reason !== 'glare-merged' || call.mergeOutcome !== null || call.into === null) return;
  call.mergeOutcome = what;
  const redial = what === 'gone' ? ({ redial: true } as const) : {};
  draft.deadline('merge', null);
  draft.tell(call.caller, { type: 'ended', reason: 'glare-merged', into: call.into, ...redial });
}

/** At a survivor that is not connected: the call that should have lost was answered first, and stands. */
export function onStanding(draft: Draft, from: string): void {
  if (!draft.is('new', 'ringing', 'granted')) return;
  end(draft, 'glare-merged', { into: from });
  draft.call.mergeOutcome = 'standing';
}

/** The same device calls again: this call ends first, whatever it was doing. */
export function onReplace(draft: Draft, from: string, party: Party): void {
  const { call, now } = draft;
  if (call.caller.account !== party.account || call.caller.device !== party.device) return;
  end(draft, 'replaced', { into: from });
  draft.post(from, { type: 'replaced', from: call.id }, now + ADMISSION_MS);
}
