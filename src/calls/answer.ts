/** Exactly one leg wins: the first answer that the call reads while it rings. Nobody else ever hears `grant`. */
import type { DenyReason, Party, Reply, VerbOf } from '../protocol/call.ts';
import { CONNECT_MS, GRANT_WAIT_MS, LATE_GRACE_MS, poorerMedia } from '../protocol/call.ts';
import { isOpen } from './call.ts';
import type { Leg, Talker } from './call.ts';
import type { Draft } from './draft.ts';
import { end, releaseLock } from './end.ts';

export function onAnswer(draft: Draft, leg: Leg, answer: VerbOf<'answer'>): Reply {
  const { call, now } = draft;
  if (leg.state === 'answering' && call.winner === leg.device) return accept(draft, leg, answer);
  if (call.state !== 'ringing') return denied(draft, leg);
  if (now > (call.ringDeadline ?? 0) + LATE_GRACE_MS) {
    onRingDeadline(draft);
    return denied(draft, leg);
  }
  if (!isOpen(leg)) return draft.refuse('leg-ended');
  grant(draft, leg);
  return accept(draft, leg, answer);
}

/** The conditional that decides the race: only a ringing call without a winner comes here, and it leaves as granted. */
export function grant(draft: Draft, leg: Leg, merged?: { call: string; media: string[] }): void {
  const { call, now } = draft;
  const connectDeadline = now + (merged ? GRANT_WAIT_MS : CONNECT_MS);
  Object.assign(call, {
    state: 'granted',
    winner: leg.device,
    grantedAt: now,
    connectDeadline,
    callerLeaseUntil: null,
  });
  leg.state = 'answering';
  call.talkers = [talker(call.caller), talker(leg)];
  draft.event('call.granted', merged ? 'glare' : null);
  draft.tell(leg, { type: 'grant', connectDeadline, ...(merged && { merged }) });
  for (const other of call.legs) {
    if (other.device === leg.device || !isOpen(other)) continue;
    other.state = 'elsewhere';
    draft.tell(other, { type: 'elsewhere', cause: 'answered', by: leg.device });
  }
  for (const key of ['ring', 'lease', 'feign']) draft.deadline(key, null);
  draft.deadline('connect', connectDeadline);
  releaseLock(draft);
}

export function talker({ account, device }: Party): Talker {
  return { account, device, socket: false, lost: false, leaseUntil: null };
}

/** The winner's sealed answer goes to the caller. */
function accept(draft: Draft, leg: Leg, answer: VerbOf<'answer'>): Reply {
  const { call, now } = draft;
  const connectDeadline = now + CONNECT_MS;
  leg.state = 'won';
  call.connectDeadline = connectDeadline;
  call.media = poorerMedia(call.media, answer.media ?? call.media);
  const { account, device } = leg;
  const { message, body } = answer;
  draft.tell(call.caller, { type: 'accepted', account, device, message, body, media: call.media, connectDeadline });
  draft.deadline('connect', connectDeadline);
  return draft.ok({ granted: { connectDeadline } });
}

function denied(draft: Draft, leg: Leg): Reply {
  const { call } = draft;
  if (leg.state === 'elsewhere') leg.state = call.winner === null ? 'elsewhere' : 'lost';
  if (call.winner !== null) return draft.refuse('answered-elsewhere', { by: call.winner });
  const by = call.by === null ? {} : { by: call.by };
  return draft.refuse(REASON[call.reason ?? 'failed'] ?? 'ended', by);
}

const REASON: Readonly<Record<string, DenyReason>> = {
  cancelled: 'cancelled',
  declined: 'declined-elsewhere',
  'no-answer': 'too-late',
  unreachable: 'too-late',
};

/** Nobody answered. `unreachable`: no device of the callee ever acknowledged the invitation. */
export function onRingDeadline(draft: Draft): void {
  const { call } = draft;
  if (call.state !== 'ringing') return;
  const reached = call.silence !== null || call.legs.some((leg) => leg.delivered);
  end(draft, reached ? 'no-answer' : 'unreachable');
}
