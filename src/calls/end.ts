/** The one way a call ends: every leg and talker hears it once, each account gets its history row, the locks are given back. */
import type { AddedOutcome, EndReason, LegState, Party } from '../protocol/call.ts';
import { ADMISSION_MS, ERASE_AFTER_MS } from '../protocol/call.ts';
import type { HistoryRow, Outcome } from '../protocol/history.ts';
import { isOpen, lockOwner } from './call.ts';
import type { Call, Leg } from './call.ts';
import type { Draft, StateBody } from './draft.ts';
import type { Ring } from './group.ts';

export type Ending = {
  detail?: string;
  by?: string;
  into?: string;
  /** Glare: the loser's caller is told later, when it is known what became of the merge. */
  tellCaller?: false;
};

export function end(draft: Draft, reason: EndReason, ending: Ending = {}): void {
  const { call, now } = draft;
  if (call.state === 'ended') return;
  const rang = call.state !== 'new';
  call.locked ||= call.waiting.length > 0;
  const { detail = null, by = null, into = null } = ending;
  const parties: readonly Party[] = [...call.talkers, ...(call.group?.dropped ?? [])];
  const talking = parties.map(({ account, device }) => ({ account, device }));
  Object.assign(call, { state: 'ended', reason, detail, by, into, endedAt: now, waiting: [] });
  for (const leg of call.legs) if (isOpen(leg)) endLeg(draft, leg);
  if (talking.length === 0 && rang && ending.tellCaller !== false) draft.tell(call.caller, endedFrame(call));
  for (const party of talking) {
    draft.tell(party, endedFrame(call));
    draft.effects.push({ type: 'close-socket', to: party });
  }
  releaseLock(draft);
  refuseMerge(draft);
  history(draft, rang);
  for (const ring of call.group?.rings ?? []) logRing(draft, ring);
  for (const key of ['admit', 'ring', 'lease', 'connect', 'feign', 'epoch', 'activate', 'rejoin', 'plane'])
    draft.deadline(key, null);
  for (const { account } of call.group?.rings ?? []) draft.deadline(`ring:${account}`, null);
  for (const { device } of call.talkers) draft.deadline(`lease:${device}`, null);
  draft.deadline('erase', now + ERASE_AFTER_MS);
  if (rang) draft.event('call.ended', call.silence?.cause ?? reason);
  else if (call.refusal === null) draft.event('call.withdrawn', reason);
}

function endedFrame(call: Call): StateBody {
  const { reason, detail, into } = call;
  return {
    type: 'ended',
    reason: reason ?? 'failed',
    ...(detail !== null && { detail }),
    ...(into !== null && { into }),
  };
}

function endLeg(draft: Draft, leg: Leg): void {
  const { call } = draft;
  leg.state = endState(call, leg);
  leg.body = null;
  if (call.talkers.some(({ device }) => device === leg.device)) return;
  const asked = call.group?.rings.some((ring) => ring.account === leg.account && ring.state === 'asked');
  if (call.ringingAt === null || asked === true) return;
  draft.tell(leg, legFrame(call));
}

function endState(call: Call, leg: Leg): LegState {
  if (leg.state === 'answering') return 'failed';
  return call.reason === 'declined' ? 'elsewhere' : 'expired';
}

function legFrame(call: Call): StateBody {
  if (call.reason === 'cancelled') return { type: 'cancelled' };
  if (call.reason === 'declined' && call.by !== null) return { type: 'elsewhere', cause: 'declined', by: call.by };
  return endedFrame(call);
}

export function releaseLock(draft: Draft): void {
  const { call, now } = draft;
  if (!call.locked) return;
  call.locked = false;
  const { id, callee, caller } = call;
  const mail = { type: 'lock-release', call: id, caller: caller.account, callee } as const;
  draft.account(lockOwner(callee, caller.account), mail, now + ADMISSION_MS);
}

/** A merge that waited for this call to ring finds it gone. */
function refuseMerge(draft: Draft): void {
  const { call, now } = draft;
  if (!call.merging) return;
  draft.post(call.merging.call, { type: 'merge-outcome', from: call.id, outcome: 'gone' }, now + ADMISSION_MS);
  call.merging = null;
}

const UNANSWERED: Partial<Record<EndReason, Outcome>> = {
  cancelled: 'cancelled',
  declined: 'declined',
  busy: 'busy',
  'no-answer': 'no-answer',
  unreachable: 'unreachable',
  failed: 'failed',
};

/** Null: this call leaves no row, because another one does (glare, replacement) or it was never let in. */
function outcomeOf(call: Call): Outcome | null {
  if (call.reason === 'glare-merged') return null;
  if (call.connectedAt !== null || (call.grantedAt !== null && call.reason !== 'failed')) return 'answered';
  return UNANSWERED[call.reason ?? 'failed'] ?? null;
}

function history(draft: Draft, rang: boolean): void {
  const { call } = draft;
  const outcome = outcomeOf(call);
  if (outcome === null || (call.refusal !== null && !rang)) return;
  send(draft, { ...rowOf(call, outcome), account: call.caller.account, peer: call.callee, direction: 'outgoing' });
  if (!rang || (call.silence && !call.silence.log)) return;
  const by = call.winner ?? (call.reason === 'declined' ? call.by : null);
  const silenced = call.silence !== null;
  const row = { ...rowOf(call, outcome), account: call.callee, peer: call.caller.account, by, silenced };
  send(draft, { ...row, direction: 'incoming' });
}

const ADDED: Partial<Record<AddedOutcome, Outcome>> = {
  answered: 'answered',
  declined: 'declined',
  busy: 'busy',
  'no-answer': 'no-answer',
  unreachable: 'unreachable',
};

/** The row of an added account: when its ring ended unanswered, else when the call ends. */
export function logRing(draft: Draft, ring: Ring): void {
  if (ring.logged || ring.state === 'asked' || ring.outcome === 'refused') return;
  ring.logged = true;
  const { call, now } = draft;
  const { account, by, answeredBy, answeredAt, startedAt } = ring;
  const outcome = ADDED[ring.outcome ?? 'refused'] ?? 'cancelled';
  const common = {
    ...rowOf(call, outcome),
    account,
    peer: by.account,
    by: answeredBy,
    silenced: ring.silenced,
  };
  send(draft, { ...common, direction: 'incoming', group: true, startedAt, answeredAt, endedAt: call.endedAt ?? now });
}

function rowOf(call: Call, outcome: Outcome): Omit<HistoryRow, 'account' | 'peer' | 'direction'> {
  return {
    call: call.id,
    outcome,
    media: call.media,
    by: call.caller.device,
    silenced: false,
    group: call.group !== null,
    startedAt: call.createdAt,
    answeredAt: call.grantedAt,
    endedAt: call.endedAt ?? call.createdAt,
  };
}

function send(draft: Draft, row: HistoryRow): void {
  draft.account(row.account, { type: 'history', row }, draft.now + ERASE_AFTER_MS / 2);
}
