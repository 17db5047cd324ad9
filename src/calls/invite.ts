/** From `invite` to ringing: the callee's policy, the pair lock, then every device at once. */
import type { Party, Reply, VerbOf } from '../protocol/call.ts';
import {
  ADMISSION_MS,
  CALLER_LEASE_MS,
  LATE_GRACE_MS,
  PAIR_LOCK_GRACE_MS,
  REFUSED_KEEP_MS,
  RING_MS,
} from '../protocol/call.ts';
import { lockOwner } from './call.ts';
import type { Call, Leg, Waiting } from './call.ts';
import type { LockAnswer, PolicyAnswer } from './command.ts';
import { Draft } from './draft.ts';
import type { LockRequest } from './effect.ts';
import { end } from './end.ts';
import { autoAnswer, loseTo } from './glare.ts';

type Invite = VerbOf<'invite'>;

/** The first invite with this id: the call exists, and asks the callee's account. Nothing rings yet. */
export function create(party: Party, invite: Invite, now: number): { draft: Draft; reply: Reply } {
  const draft = new Draft(
    {
      id: invite.call,
      rev: 0,
      state: 'new',
      attempt: invite.attempt,
      caller: { account: party.account, device: party.device },
      callee: invite.to,
      media: [],
      app: null,
      reference: null,
      set: 0,
      ringMs: RING_MS,
      replaces: null,
      waiting: [],
      refusal: null,
      locked: false,
      silence: null,
      legs: [],
      winner: null,
      remoteRinging: false,
      merged: null,
      merging: null,
      mergeOutcome: null,
      talkers: [],
      group: null,
      createdAt: now,
      ringingAt: null,
      ringDeadline: null,
      callerLeaseUntil: null,
      grantedAt: null,
      connectDeadline: null,
      connectedAt: null,
      endedAt: null,
      reason: null,
      detail: null,
      by: null,
      into: null,
      replies: {},
    },
    now,
  );
  return { draft, reply: admit(draft, invite) };
}

/** An invite for a call that exists: the owner's repetition, its next attempt after a refusal, or somebody else's. */
export function reinvite(draft: Draft, party: Party, invite: Invite): Reply {
  const { call } = draft;
  if (call.caller.account !== party.account || call.caller.device !== party.device)
    return draft.refuse('call-id-taken');
  if (invite.attempt === call.attempt) return call.refusal ?? standing(draft);
  const next = call.state === 'new' && call.refusal !== null && invite.attempt === call.attempt + 1;
  return next && invite.to === call.callee ? admit(draft, invite) : draft.refuse('stale-attempt');
}

function standing(draft: Draft): Reply {
  const { state, ringDeadline } = draft.call;
  if (state === 'new') return draft.ok({ pending: true });
  return draft.ok(ringDeadline === null ? {} : { ringDeadline });
}

function admit(draft: Draft, invite: Invite): Reply {
  const { call, now } = draft;
  Object.assign(call, {
    attempt: invite.attempt,
    media: [...invite.media],
    app: invite.app ?? null,
    reference: invite.reference ?? null,
    set: invite.set,
    ringMs: invite.ringMs ?? RING_MS,
    replaces: invite.replaces ?? null,
    refusal: null,
    waiting: (invite.replaces === undefined ? ['policy'] : ['policy', 'replace']) satisfies Waiting[],
    legs: invite.legs.map((leg) => newLeg(leg, call.callee, call.caller.account)),
  });
  if (call.callee === call.caller.account) return refused(draft, draft.refuse('callee-unknown'), false);
  const until = now + ADMISSION_MS;
  const question = { type: 'invite-question', call: call.id, attempt: call.attempt, from: call.caller } as const;
  const legs = call.legs.map(({ device, capability }) => ({ device, capability }));
  const lock = lockOwner(call.callee, call.caller.account) === call.callee ? lockRequest(draft) : null;
  draft.account(call.callee, { ...question, set: call.set, legs, media: call.media, lock }, until);
  if (call.replaces !== null) draft.post(call.replaces, { type: 'replace', from: call.id, party: call.caller }, until);
  draft.deadline('admit', until + 1_000);
  draft.event('call.invited');
  return draft.ok({ pending: true });
}

export function newLeg(leg: Invite['legs'][number], account: string, inviter: string): Leg {
  const { device, message, capability, body } = leg;
  return { account, device, inviter, state: 'pending', message, capability, body, delivered: false };
}

function lockRequest({ call, now }: Draft): LockRequest {
  const until = now + ADMISSION_MS + call.ringMs + PAIR_LOCK_GRACE_MS;
  return { call: call.id, caller: call.caller, callee: call.callee, until };
}

/** The callee's account has judged the invitation; null: it could not be asked, which is never a yes. */
export function onPolicy(draft: Draft, attempt: number, answer: PolicyAnswer | null): void {
  const { call } = draft;
  if (!waitsFor(call, 'policy') || attempt !== call.attempt) return;
  if (answer === null) return void refused(draft, draft.refuse('unavailable'), false);
  switch (answer.verdict) {
    case 'ring':
      if (answer.lock !== null) return settle(draft, 'policy', answer.lock);
      if (lockOwner(call.callee, call.caller.account) !== call.callee) askLock(draft);
      return settle(draft, 'policy', null);
    case 'silence':
      call.silence = { cause: answer.cause, log: answer.log, ringAfterMs: answer.ringAfterMs };
      return settle(draft, 'policy', null);
    case 'stale-capability': {
      const { devices } = answer;
      draft.tell(call.caller, { type: 'stale-capability', attempt, devices });
      return void refused(draft, draft.refuse('stale-capability', { devices }), true);
    }
    case 'stale-devices': {
      const { set, missing, extra } = answer;
      draft.tell(call.caller, { type: 'stale-devices', attempt, set, missing, extra });
      return void refused(draft, draft.refuse('stale-devices', { set, missing, extra }), true);
    }
    case 'rate-limited': {
      const { retryAfterMs } = answer;
      return void refused(draft, draft.refuse('rate-limited', { retryAfterMs }), false);
    }
    case 'callee-unknown':
      return void refused(draft, draft.refuse('callee-unknown'), false);
  }
}

function askLock(draft: Draft): void {
  const { call, now } = draft;
  call.waiting.push('lock');
  const owner = lockOwner(call.callee, call.caller.account);
  draft.account(owner, { type: 'lock-take', attempt: call.attempt, lock: lockRequest(draft) }, now + ADMISSION_MS);
  draft.deadline('admit', now + ADMISSION_MS + 1_000);
}

export function onLock(draft: Draft, attempt: number, answer: LockAnswer | null): void {
  if (!waitsFor(draft.call, 'lock') || attempt !== draft.call.attempt) return;
  if (answer !== null) return settle(draft, 'lock', answer);
  refused(draft, draft.refuse('unavailable'), false);
}

/** The call to be replaced has ended, never was ours to end, or cannot be reached: its own lease ends it then. */
export function onReplaced(draft: Draft): void {
  if (waitsFor(draft.call, 'replace')) settle(draft, 'replace', null);
}

export function onAdmitDeadline(draft: Draft): void {
  const { call } = draft;
  if (call.state !== 'new') return;
  if (call.refusal) return end(draft, 'expired');
  if (call.waiting.length === 1 && waitsFor(call, 'replace')) return onReplaced(draft);
  refused(draft, draft.refuse('unavailable'), false);
}

function waitsFor(call: Call, what: Waiting): boolean {
  return call.state === 'new' && call.waiting.includes(what);
}

function settle(draft: Draft, what: Waiting, lock: LockAnswer | null): void {
  const { call } = draft;
  call.waiting = call.waiting.filter((one) => one !== what);
  if (lock) call.locked = lock.lock === 'taken' || lock.survivor === call.id;
  if (lock?.lock === 'glare' && lock.survivor !== call.id) return loseTo(draft, lock.survivor);
  if (call.waiting.length === 0) ring(draft);
}

/** Refused: the owner may repeat it with the next attempt when only its data were stale; otherwise the call is over. */
function refused(draft: Draft, refusal: Reply & { ok: false }, again: boolean): Reply {
  const { call, now } = draft;
  call.legs = [];
  call.refusal = refusal;
  draft.event('call.refused', refusal.reason);
  if (again) {
    call.waiting = [];
    draft.deadline('admit', now + REFUSED_KEEP_MS);
  } else {
    const { retryAfterMs } = refusal;
    const reason =
      refusal.reason === 'rate-limited' || refusal.reason === 'callee-unknown' ? refusal.reason : 'unavailable';
    draft.tell(call.caller, {
      type: 'denied',
      attempt: call.attempt,
      reason,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
    end(draft, 'failed', { detail: refusal.reason });
  }
  return refusal;
}

/** Every device at once; a silenced call only looks like it. */
function ring(draft: Draft): void {
  const { call, now } = draft;
  const ringDeadline = now + call.ringMs;
  Object.assign(call, { state: 'ringing', ringingAt: now, ringDeadline, callerLeaseUntil: now + CALLER_LEASE_MS });
  draft.event('call.ringing', call.silence?.cause ?? null);
  const legs = call.legs.length;
  if (call.silence) call.legs = [];
  for (const leg of call.legs) {
    sendInvitation(draft, leg, ringDeadline);
    leg.body = null;
  }
  draft.tell(call.caller, { type: 'invited', ringDeadline, legs });
  if (call.silence) draft.deadline('feign', now + call.silence.ringAfterMs);
  draft.deadline('admit', null);
  draft.deadline('ring', ringDeadline + LATE_GRACE_MS);
  draft.deadline('lease', call.callerLeaseUntil);
  if (call.merging) autoAnswer(draft, call.merging);
}

export function sendInvitation(draft: Draft, leg: Leg, ringDeadline: number, from = draft.call.caller): void {
  const { call } = draft;
  if (leg.body === null) return;
  draft.tell(leg, {
    type: 'invite',
    attempt: call.attempt,
    from,
    media: call.media,
    ringDeadline,
    message: leg.message,
    body: leg.body,
    ...(call.app !== null && { app: call.app }),
    ...(call.group !== null && { group: true as const }),
  });
}
