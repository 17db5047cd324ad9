/** Ringing a new person while the call goes on: the same admission and the same race as the first ring, per account. */
import type { AddedOutcome, DenyReason, Party, Reply, Verb, VerbOf } from '../protocol/call.ts';
import {
  ADMISSION_MS,
  CONNECT_MS,
  IN_CALL_LEASE_MS,
  LATE_GRACE_MS,
  PARTICIPANTS_MAX,
  RING_MS,
} from '../protocol/call.ts';
import { talker } from './answer.ts';
import { isOpen } from './call.ts';
import type { Leg } from './call.ts';
import type { PolicyAnswer } from './command.ts';
import type { Draft } from './draft.ts';
import { end, logRing } from './end.ts';
import type { Ring } from './group.ts';
import { newLeg, sendInvitation } from './invite.ts';
import { enter, isFull, isMember, log } from './roster.ts';

/** By a member. An account that rings or talks already is left alone. */
export function onAdd(draft: Draft, party: Party, add: VerbOf<'add'>): Reply {
  const { call, now } = draft;
  const { group } = call;
  if (call.state !== 'connected' || !group || !isMember(group, party)) return draft.refuse('wrong-state');
  const rings = group.rings.filter((ring) => ring.state !== 'over');
  const known = rings.some((ring) => ring.account === add.to) || call.talkers.some((one) => one.account === add.to);
  if (known) return draft.ok({ ignored: true });
  if (isFull(group) || call.talkers.length + rings.length >= PARTICIPANTS_MAX)
    return draft.refuse('too-many-participants');
  const by = { account: party.account, device: party.device };
  const earlier = lastRing(draft, add.to);
  if (earlier) logRing(draft, earlier);
  group.rings = [...group.rings.filter((ring) => ring.account !== add.to), newRing(draft, add.to, by)];
  forgetLegs(draft, add.to);
  call.legs.push(...add.legs.map((leg) => newLeg(leg, add.to, party.account)));
  log(draft, group, add.admit);
  const legs = add.legs.map(({ device, capability }) => ({ device, capability }));
  const question = {
    type: 'invite-question',
    call: call.id,
    attempt: call.attempt,
    from: by,
    set: add.set,
    legs,
  } as const;
  draft.account(add.to, { ...question, media: call.media, lock: null }, now + ADMISSION_MS);
  draft.deadline(`ring:${add.to}`, now + ADMISSION_MS + 1_000);
  return draft.ok({ pending: true });
}

/** An account has one row per call: the first two get theirs at the end, and who is rung again keeps the row of the ring before. */
function newRing(draft: Draft, account: string, by: Party): Ring {
  const { call, now } = draft;
  const earlier = call.group?.rings.find((ring) => ring.account === account);
  const logged = earlier?.logged === true || account === call.callee || account === call.caller.account;
  const nothing = { silenced: false, outcome: null, answeredBy: null, answeredAt: null };
  return { account, by, state: 'asked', startedAt: now, ringDeadline: now + RING_MS, logged, ...nothing };
}

/** Who is rung again starts anew: its devices' earlier legs and replies are about a ring that is over. */
function forgetLegs({ call }: Draft, account: string): void {
  const devices = new Set(call.legs.filter((leg) => leg.account === account).map((leg) => leg.device));
  if (call.caller.account === account) devices.add(call.caller.device);
  call.legs = call.legs.filter((leg) => leg.account !== account);
  call.replies = Object.fromEntries(
    Object.entries(call.replies).filter(([key]) => !devices.has(key.split('/')[0] ?? '')),
  );
}

/** The ring of this account, unless it is over. */
export function ringOf(draft: Draft, account: string): Ring | null {
  const ring = lastRing(draft, account);
  return ring?.state === 'over' ? null : ring;
}

export function lastRing(draft: Draft, account: string): Ring | null {
  return draft.call.group?.rings.find((ring) => ring.account === account) ?? null;
}

/** The added account's answer; null: it could not be asked. */
export function onAddPolicy(draft: Draft, account: string, answer: PolicyAnswer | null): void {
  const ring = ringOf(draft, account);
  if (ring?.state !== 'asked') return;
  const verdict = answer?.verdict ?? 'unavailable';
  const { attempt } = draft.call;
  if (answer?.verdict === 'ring') return startRing(draft, ring);
  if (answer?.verdict === 'silence') return silence(draft, ring, answer.log);
  if (answer?.verdict === 'stale-devices') {
    const { set, missing, extra } = answer;
    draft.tell(ring.by, { type: 'stale-devices', attempt, set, missing, extra });
  } else if (answer?.verdict === 'stale-capability') {
    draft.tell(ring.by, { type: 'stale-capability', attempt, devices: answer.devices });
  } else draft.tell(ring.by, { type: 'denied', attempt, reason: verdict as DenyReason });
  over(draft, ring, 'refused');
}

function startRing(draft: Draft, ring: Ring): void {
  const { now } = draft;
  Object.assign(ring, { state: 'ringing', ringDeadline: now + RING_MS });
  for (const leg of legsOf(draft, ring)) {
    sendInvitation(draft, leg, ring.ringDeadline, ring.by);
    leg.body = null;
  }
  draft.deadline(`ring:${ring.account}`, ring.ringDeadline + LATE_GRACE_MS);
  tellInviter(draft, ring, 'ringing');
}

/** Rings nowhere, and ends like an unanswered ring. */
function silence(draft: Draft, ring: Ring, log: boolean): void {
  const ringDeadline = draft.now + RING_MS;
  Object.assign(ring, { state: 'ringing', silenced: true, ringDeadline, logged: ring.logged || !log });
  draft.call.legs = draft.call.legs.filter((leg) => leg.account !== ring.account);
  draft.deadline(`ring:${ring.account}`, ringDeadline + LATE_GRACE_MS);
  tellInviter(draft, ring, 'ringing');
}

type LegVerb = Extract<Verb, { verb: 'ringing' | 'answer' | 'decline' | 'ignore' | 'busy' | 'failed' }>;

/** A verb of a device of an added account. */
export function onAddedLegVerb(draft: Draft, ring: Ring, leg: Leg, verb: LegVerb): Reply {
  if (ring.state === 'over' && verb.verb === 'answer') return denied(draft, ring, leg);
  if (ring.state !== 'ringing' || !isOpen(leg)) return draft.ok({ ignored: true });
  leg.delivered = true;
  if (verb.verb === 'answer') return answer(draft, ring, leg, verb);
  if (verb.verb === 'ringing') leg.state = 'alerting';
  else if (verb.verb === 'decline' && verb.scope === 'all') {
    leg.state = 'declined';
    over(draft, ring, 'declined', { type: 'elsewhere', cause: 'declined', by: leg.device });
  } else if (verb.verb === 'busy' || verb.verb === 'failed') {
    leg.state = verb.verb;
    endIfExhausted(draft, ring);
  } else leg.state = 'ignored';
  return draft.ok();
}

function denied(draft: Draft, ring: Ring, leg: Leg): Reply {
  if (ring.answeredBy !== null) {
    if (leg.state === 'elsewhere') leg.state = 'lost';
    return draft.refuse('answered-elsewhere', { by: ring.answeredBy });
  }
  return draft.refuse(ring.outcome === 'declined' ? 'declined-elsewhere' : 'too-late');
}

/** One winner per added account; its answer's body is its signed JOIN. */
function answer(draft: Draft, ring: Ring, leg: Leg, { body }: VerbOf<'answer'>): Reply {
  const { call, now } = draft;
  if (now > ring.ringDeadline + LATE_GRACE_MS || !call.group || isFull(call.group)) {
    over(draft, ring, 'no-answer');
    return draft.refuse('too-late');
  }
  leg.state = 'won';
  Object.assign(ring, { answeredBy: leg.device, answeredAt: now });
  const connectDeadline = now + CONNECT_MS;
  const leaseUntil = now + IN_CALL_LEASE_MS;
  call.talkers.push({ ...talker(leg), leaseUntil });
  draft.deadline(`lease:${leg.device}`, leaseUntil);
  draft.tell(leg, { type: 'grant', connectDeadline });
  over(draft, ring, 'answered', { type: 'elsewhere', cause: 'answered', by: leg.device });
  enter(draft, call.group, leg, body);
  return draft.ok({ granted: { connectDeadline } });
}

/** Nobody of the added account answered, or it could not even be asked. */
export function onAddedRingDue(draft: Draft, account: string): void {
  const ring = ringOf(draft, account);
  if (!ring) return;
  if (ring.state === 'asked') return onAddPolicy(draft, account, null);
  if (draft.now < ring.ringDeadline + LATE_GRACE_MS) return;
  const reached = ring.silenced || legsOf(draft, ring).some((leg) => leg.delivered);
  over(draft, ring, reached ? 'no-answer' : 'unreachable');
}

export function endIfExhausted(draft: Draft, ring: Ring): void {
  const legs = legsOf(draft, ring);
  if (legs.some(isOpen)) return;
  if (legs.some((leg) => leg.state === 'busy')) over(draft, ring, 'busy');
  else if (!legs.some((leg) => leg.state === 'ignored')) over(draft, ring, 'unreachable');
}

function over(
  draft: Draft,
  ring: Ring,
  outcome: AddedOutcome,
  frame: Parameters<Draft['tell']>[1] = { type: 'ended', reason: 'no-answer' },
): void {
  const rang = ring.state === 'ringing';
  Object.assign(ring, { state: 'over', outcome });
  for (const leg of legsOf(draft, ring)) {
    if (!isOpen(leg)) continue;
    leg.state = frame.type === 'elsewhere' ? 'elsewhere' : 'expired';
    leg.body = null;
    if (rang) draft.tell(leg, frame);
  }
  draft.deadline(`ring:${ring.account}`, null);
  tellInviter(draft, ring, outcome);
  if (outcome === 'answered') return;
  if (outcome !== 'refused') logRing(draft, ring);
  endIfAlone(draft);
}

/** The last ring is over and only one is left to talk. */
function endIfAlone(draft: Draft): void {
  const rings = draft.call.group?.rings.some((ring) => ring.state !== 'over');
  if (draft.call.talkers.length < 2 && !rings) end(draft, 'completed');
}

function tellInviter(draft: Draft, ring: Ring, outcome: AddedOutcome): void {
  const inviter = draft.talker(ring.by);
  if (inviter) draft.plane(inviter, { type: 'added', account: ring.account, outcome });
}

function legsOf(draft: Draft, ring: Ring): Leg[] {
  return draft.call.legs.filter((leg) => leg.account === ring.account);
}
