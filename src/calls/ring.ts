/** What the callee's devices and the caller say while it rings, other than the answer. */
import type { Party, Reply, VerbOf } from '../protocol/call.ts';
import { CALLER_LEASE_MS, LEASE_SLACK_MS } from '../protocol/call.ts';
import { endIfExhausted as endAddedIfExhausted, ringOf } from './add.ts';
import { isOpen } from './call.ts';
import type { Leg } from './call.ts';
import type { Draft } from './draft.ts';
import { end } from './end.ts';
import { onLeave } from './roster.ts';

export function onRinging(draft: Draft, leg: Leg): Reply {
  if (!draft.is('ringing') || !isOpen(leg)) return draft.ok({ ignored: true });
  reached(draft, leg);
  leg.state = 'alerting';
  remoteRinging(draft);
  return draft.ok();
}

/** Once per call: which device alerts is nobody's business. */
export function remoteRinging(draft: Draft): void {
  const { call } = draft;
  if (call.remoteRinging || call.state !== 'ringing') return;
  call.remoteRinging = true;
  draft.event('call.alerting', call.silence?.cause ?? null);
  draft.tell(call.caller, { type: 'remote-ringing' });
}

/** `all` ends the call for the account; `device` silences this one and tells the caller nothing. */
export function onDecline(draft: Draft, leg: Leg, { scope }: VerbOf<'decline'>): Reply {
  if (scope === 'device') return onIgnore(draft, leg);
  if (!draft.is('ringing')) return draft.ok({ ignored: true });
  reached(draft, leg);
  leg.state = 'declined';
  end(draft, 'declined', { by: leg.device });
  return draft.ok();
}

/** Even the last one: the call rings on until its deadline, so that the caller learns nothing. */
export function onIgnore(draft: Draft, leg: Leg): Reply {
  if (!draft.is('ringing') || !isOpen(leg)) return draft.ok({ ignored: true });
  reached(draft, leg);
  leg.state = 'ignored';
  return draft.ok();
}

export function onBusy(draft: Draft, leg: Leg): Reply {
  return lose(draft, leg, 'busy');
}

/** A device's own failure ends its leg and nothing else. */
export function onFailed(draft: Draft, leg: Leg): Reply {
  return lose(draft, leg, 'failed');
}

function lose(draft: Draft, leg: Leg, state: 'busy' | 'failed'): Reply {
  if (!draft.is('ringing') || !isOpen(leg)) return draft.ok({ ignored: true });
  reached(draft, leg);
  leg.state = state;
  endIfExhausted(draft);
  return draft.ok();
}

/** No leg is left that could answer. A leg that ignored the call hides that, unless another one said busy. */
function endIfExhausted(draft: Draft): void {
  const { legs } = draft.call;
  if (legs.some(isOpen)) return;
  if (legs.some((leg) => leg.state === 'busy')) return end(draft, 'busy');
  if (legs.some((leg) => leg.state === 'ignored')) return;
  end(draft, legs.some((leg) => leg.delivered) ? 'failed' : 'unreachable');
}

/** What the device's mailbox made of the invitation. Unavailable is unknown: the leg stays until the ring deadline. */
export function onMailed(
  draft: Draft,
  party: Party,
  message: string,
  outcome: 'stored' | 'refused' | 'unavailable',
): void {
  const leg = draft.leg(party);
  const ring = leg && ringOf(draft, leg.account);
  if (!leg || leg.message !== message || !(ring || draft.is('ringing')) || leg.state !== 'pending') return;
  if (outcome === 'stored') leg.state = 'sent';
  if (outcome !== 'refused') return;
  leg.state = 'failed';
  if (ring) endAddedIfExhausted(draft, ring);
  else endIfExhausted(draft);
}

export function onDelivered(draft: Draft, party: Party): void {
  const leg = draft.leg(party);
  if (!leg || !isOpen(leg) || !(draft.is('ringing') || ringOf(draft, leg.account))) return;
  reached(draft, leg);
  if (leg.state !== 'alerting') leg.state = 'delivered';
}

function reached(draft: Draft, leg: Leg): void {
  if (draft.call.legs.every((one) => !one.delivered)) draft.event('call.delivered');
  leg.delivered = true;
}

/** Before the grant it cancels; after it, the answer has won and this is a hang-up. */
export function onCancel(draft: Draft): Reply {
  if (draft.call.group) onLeave(draft, draft.call.caller, null);
  else if (draft.is('new', 'ringing')) end(draft, 'cancelled');
  else if (draft.is('granted')) end(draft, 'completed', { detail: 'while-connecting' });
  else if (draft.is('connected')) end(draft, 'completed');
  return draft.ok();
}

/** Any verb of the caller while it rings keeps its lease. */
export function renewCaller(draft: Draft): void {
  const { call, now } = draft;
  if (call.state !== 'ringing') return;
  call.callerLeaseUntil = now + CALLER_LEASE_MS;
  draft.deadline('lease', call.callerLeaseUntil);
}

export function onCallerLease(draft: Draft): void {
  const { call, now } = draft;
  const until = call.callerLeaseUntil ?? 0;
  if (call.state !== 'ringing' || now < until) return;
  if (now > until + LEASE_SLACK_MS) return renewCaller(draft);
  end(draft, 'cancelled', { detail: 'caller-lost' });
}
