/** The call machine: state and command in, state, effects and reply out. Total and deterministic; `now` only grows. */
import type { LaterVerb, Party, Reply, Verb } from '../protocol/call.ts';
import { ERASE_AFTER_MS } from '../protocol/call.ts';
import { onAdd, onAddedLegVerb, onAddedRingDue, onAddPolicy, lastRing, ringOf } from './add.ts';
import { onAnswer, onRingDeadline } from './answer.ts';
import { type Call, type Leg, textOf } from './call.ts';
import type { CallCommand, CallMail } from './command.ts';
import { Draft } from './draft.ts';
import type { Decision } from './effect.ts';
import { onGlare, onMerge, onMergeOutcome, onReplace, onStanding } from './glare.ts';
import { create, onAdmitDeadline, onLock, onPolicy, onReplaced, reinvite } from './invite.ts';
import {
  onBusy,
  onCallerLease,
  onCancel,
  onDecline,
  onDelivered,
  onFailed,
  onIgnore,
  onMailed,
  onRinging,
} from './ring.ts';
import { remoteRinging, renewCaller } from './ring.ts';
import { may, ROLE_OF, rolesOf } from './roles.ts';
import {
  onActivateDue,
  onEpochDue,
  onFound,
  onJoin,
  onKeys,
  onKeysAck,
  onKeysAgain,
  onProofs,
  onRejoinDue,
  onRekey,
  onRemove,
} from './roster.ts';
import {
  onAttached,
  onConfirm,
  onConnectDeadline,
  onDetached,
  onHeard,
  onHangup,
  onLease,
  onSignal,
  onSocket,
  renew,
} from './talk.ts';

export function decide(call: Call | null, command: CallCommand, now: number): Decision {
  if (call === null) return begin(command, now);
  const draft = new Draft(call, now);
  const reply = command.type === 'verb' ? onVerb(draft, command.party, command.verb) : (apply(draft, command), null);
  const changed = textOf(draft.call) !== textOf(call);
  return { call: changed ? draft.call : call, effects: draft.effects, reply };
}

/** Only an invite makes a call; everything else about a call that does not exist writes nothing. */
function begin(command: CallCommand, now: number): Decision {
  if (command.type === 'verb' && command.verb.verb === 'invite') {
    const { draft, reply } = create(command.party, command.verb, now);
    return { call: draft.call, effects: draft.effects, reply };
  }
  if (command.type !== 'verb') return { call: null, effects: [], reply: null };
  const reply: Reply = { ok: false, call: command.verb.call, rev: 0, serverNow: now, reason: 'unknown-call' };
  return { call: null, effects: [], reply };
}

/** The attempt binds what is said about one invitation; a cancel that overtakes its next attempt cancels all the same. */
function onVerb(draft: Draft, party: Party, verb: Verb | LaterVerb): Reply {
  const { call } = draft;
  if (verb.verb === 'invite') return reinvite(draft, party, verb);
  const roles = rolesOf(call, party);
  if (roles.length === 0) return draft.refuse('unknown-call');
  if (verb.verb === 'unknown') return draft.ok({ ignored: true });
  if (verb.verb === 'alive') return onAlive(draft, party);
  const allowed = may(roles, verb.verb);
  if (allowed && ROLE_OF[verb.verb] === 'leg' && verb.attempt !== call.attempt) return draft.refuse('stale-attempt');
  const key = `${party.device}/${verb.verb}${verb.verb === 'decline' ? `-${verb.scope}` : ''}/${verb.attempt}`;
  // Who has left a group repeats its hang-up without the role that it had.
  const before = call.replies[key];
  if (before) return before;
  if (!allowed) return draft.refuse('wrong-role');
  heard(draft, party);
  const reply = perform(draft, party, verb);
  if (isOnce(verb) && (reply.ok || verb.verb === 'answer')) call.replies[key] = reply;
  return reply;
}

/** Verbs that are said once per attempt: a repetition gets the first reply and changes nothing. */
function isOnce({ verb }: Verb): boolean {
  return !REPEATED.has(verb);
}

const REPEATED: ReadonlySet<Verb['verb']> = new Set([
  'signal',
  'alive',
  'socket',
  'add',
  'found',
  'join',
  'remove',
  'proofs',
  'keys',
  'keys-ack',
  'keys-again',
  'rekey',
]);

function perform(draft: Draft, party: Party, verb: Exclude<Verb, { verb: 'invite' | 'alive' }>): Reply {
  const leg = draft.leg(party);
  switch (verb.verb) {
    case 'cancel':
      return onCancel(draft);
    case 'signal':
      return onSignal(draft, party, verb);
    case 'confirm':
      return onConfirm(draft);
    case 'hangup':
      return onHangup(draft, party, verb);
    case 'leave':
      return onHangup(draft, party, verb);
    case 'socket':
      return onSocket(draft);
    case 'add':
      return onAdd(draft, party, verb);
    case 'found':
      return onFound(draft, party, verb);
    case 'join':
      return onJoin(draft, party, verb);
    case 'proofs':
      return onProofs(draft, party);
    case 'keys-again':
      return onKeysAgain(draft, party, verb);
    case 'rekey':
      return onRekey(draft, party);
    case 'remove':
      return onRemove(draft, party, verb);
    case 'keys':
      return onKeys(draft, party, verb);
    case 'keys-ack':
      return onKeysAck(draft, party, verb);
    default:
      return leg ? onLegVerb(draft, leg, verb) : draft.refuse('wrong-role');
  }
}

type LegVerb = Extract<Verb, { verb: 'ringing' | 'answer' | 'decline' | 'ignore' | 'busy' | 'failed' }>;

function onLegVerb(draft: Draft, leg: Leg, verb: LegVerb): Reply {
  const ring = lastRing(draft, leg.account);
  if (ring) return onAddedLegVerb(draft, ring, leg, verb);
  switch (verb.verb) {
    case 'ringing':
      return onRinging(draft, leg);
    case 'answer':
      return onAnswer(draft, leg, verb);
    case 'decline':
      return onDecline(draft, leg, verb);
    case 'ignore':
      return onIgnore(draft, leg);
    case 'busy':
      return onBusy(draft, leg);
    case 'failed':
      return onFailed(draft, leg);
  }
}

/** Every verb is a sign of life. */
function heard(draft: Draft, party: Party): void {
  const talker = draft.talker(party);
  if (talker) renew(draft, talker);
  else if (party.device === draft.call.caller.device) renewCaller(draft);
}

function onAlive(draft: Draft, party: Party): Reply {
  heard(draft, party);
  return draft.ok();
}

function apply(draft: Draft, command: Exclude<CallCommand, { type: 'verb' }>): void {
  switch (command.type) {
    case 'policy':
      if (command.account !== undefined && ringOf(draft, command.account)) {
        return onAddPolicy(draft, command.account, command.answer);
      }
      return onPolicy(draft, command.attempt, command.answer);
    case 'lock':
      return onLock(draft, command.attempt, command.answer);
    case 'glare':
      return onGlare(draft, command.account, command.survivor);
    case 'call':
      return onCallMail(draft, command.mail);
    case 'call-missing':
      if (command.call === draft.call.replaces) onReplaced(draft);
      if (command.call === draft.call.into && command.known) onMergeOutcome(draft, 'gone');
      return;
    case 'mailed':
      return onMailed(draft, command.party, command.message, command.outcome);
    case 'delivered':
      return onDelivered(draft, command.party);
    case 'attached':
      return onAttached(draft, command.party);
    case 'detached':
      return onDetached(draft, command.party);
    case 'heard':
      return onHeard(draft, command.at);
    case 'due':
      return onDue(draft, command.key);
  }
}

function onCallMail(draft: Draft, mail: CallMail): void {
  switch (mail.type) {
    case 'merge':
      return onMerge(draft, mail);
    case 'merge-outcome':
      return mail.from === draft.call.into ? onMergeOutcome(draft, mail.outcome) : undefined;
    case 'standing':
      return onStanding(draft, mail.from);
    case 'replace':
      return onReplace(draft, mail.from, mail.party);
    case 'replaced':
      return mail.from === draft.call.replaces ? onReplaced(draft) : undefined;
  }
}

/** A deadline is judged again when it comes: it may be late, or about a state that is past. */
function onDue(draft: Draft, key: string): void {
  const { call, now } = draft;
  switch (key) {
    case 'admit':
      return onAdmitDeadline(draft);
    case 'ring':
      return onRingDeadline(draft);
    case 'lease':
      return onCallerLease(draft);
    case 'feign':
      return remoteRinging(draft);
    case 'connect':
      return onConnectDeadline(draft);
    case 'merge':
      return onMergeOutcome(draft, 'unknown');
    case 'epoch':
      return onEpochDue(draft);
    case 'activate':
      return onActivateDue(draft);
    case 'rejoin':
      return onRejoinDue(draft);
    case 'erase':
      if (call.endedAt !== null && now >= call.endedAt + ERASE_AFTER_MS) draft.effects.push({ type: 'erase' });
      return;
    default:
      if (key.startsWith('lease:')) onLease(draft, key.slice('lease:'.length));
      if (key.startsWith('ring:')) onAddedRingDue(draft, key.slice('ring:'.length));
  }
}
