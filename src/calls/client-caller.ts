/** The caller's half: invite, ring back, one verified answer. */
import { ADMISSION_MS, CALLER_ALIVE_MS, CLIENT_RING_GRACE_MS, LATE_GRACE_MS, poorerMedia } from '../protocol/call.ts';
import type { EndReason, Party, Reply, StateFrame } from '../protocol/call.ts';
import type { ClientCall, ClientInput } from './client.ts';
import { INVITE_WAIT_MS, MERGE_WAIT_MS, REFRESHES } from './client-draft.ts';
import type { ClientDraft } from './client-draft.ts';
import { start } from './client-talk.ts';

export function onPlace(draft: ClientDraft, place: ClientInput & { type: 'place' }): void {
  const { call: id, peer, ringMs, replaces = null } = place;
  if (draft.find(id) || draft.client.tombstones[id]) return;
  const old = replaces === null ? null : draft.find(replaces);
  if (old?.role === 'caller') draft.end(old, 'replaced');
  const media = [...place.media];
  const call = draft.add({
    id,
    role: 'caller',
    phase: 'inviting',
    media,
    peer: { account: peer, device: null },
    replaces,
  });
  call.consent = 'placed';
  draft.effects.push({ type: 'send-invite', call: id, attempt: 0, replaces, again: false });
  draft.timer(call, 'invite', draft.now + INVITE_WAIT_MS);
  draft.timer(call, 'alive', draft.now + CALLER_ALIVE_MS);
  draft.timer(call, 'ring', draft.now + ADMISSION_MS + ringMs + LATE_GRACE_MS + CLIENT_RING_GRACE_MS);
}

export function onInvited(draft: ClientDraft, call: ClientCall, ringDeadline: number): void {
  if (call.phase !== 'inviting') return;
  call.ringDeadline = ringDeadline;
  draft.timer(call, 'invite', null);
  draft.timer(call, 'ring', ringDeadline + LATE_GRACE_MS + CLIENT_RING_GRACE_MS);
}

/** Stale data are looked up and verified again before anything is sealed; every other refusal ends the call. */
export function onRefusedInvite(
  draft: ClientDraft,
  call: ClientCall,
  frame: { type: 'stale-devices' | 'stale-capability' | 'denied'; attempt: number },
): void {
  if (call.phase !== 'inviting' || frame.attempt !== call.attempt) return;
  if (frame.type === 'denied' || call.attempt >= REFRESHES) return draft.end(call, 'failed');
  call.attempt += 1;
  const { id, attempt, replaces } = call;
  draft.effects.push({ type: 'refresh-invite', call: id, attempt, replaces });
  draft.timer(call, 'invite', draft.now + INVITE_WAIT_MS);
}

/** The reply to our invite says the same as the frames; whichever comes first counts. What was said of an older attempt is past. */
export function onInviteReply(draft: ClientDraft, call: ClientCall, attempt: number, reply: Reply): void {
  if (call.phase !== 'inviting' || attempt !== call.attempt) return;
  if (reply.ok && reply.state === 'ended') return onEndedReply(draft, call, reply.reason ?? 'failed');
  if (reply.ok) return reply.ringDeadline === undefined ? undefined : onInvited(draft, call, reply.ringDeadline);
  const type = reply.reason === 'stale-devices' || reply.reason === 'stale-capability' ? reply.reason : 'denied';
  onRefusedInvite(draft, call, { type, attempt });
}

/** Of a merged call the frame that follows says where it went. */
export function onEndedReply(draft: ClientDraft, call: ClientCall, reason: EndReason): void {
  const merged = reason === 'glare-merged' && call.role === 'caller';
  if (!merged) return draft.end(call, reason);
  if (draft.is(call, 'inviting', 'remote-ringing')) awaitSurvivor(draft, call, null);
}

/** The first one only: a caller confirms one answer per call, so that two grants could not make two talkers. */
export function onAccepted(draft: ClientDraft, call: ClientCall, frame: StateFrame & { type: 'accepted' }): void {
  if (!draft.is(call, 'inviting', 'remote-ringing') || frame.account !== call.peer.account) return;
  call.phase = 'connecting';
  call.peer = { account: frame.account, device: frame.device };
  call.connectDeadline = frame.connectDeadline;
  for (const key of ['alive', 'invite', 'ring'] as const) draft.timer(call, key, null);
  draft.timer(call, 'connect', frame.connectDeadline);
  draft.effects.push({ type: 'verify-answer', call: call.id, frame });
}

/** What the peer answered with is what is sealed in its answer. */
export function onAnswerVerified(
  draft: ClientDraft,
  call: ClientCall,
  { ok, party, media }: { ok: boolean; party: Party; media: string[] },
): void {
  if (call.role !== 'caller' || call.phase !== 'connecting' || call.verified) return;
  if (!ok || party.account !== call.peer.account || party.device !== call.peer.device) {
    draft.effects.push({ type: 'suspicious', call: call.id });
    draft.send(call, { verb: 'hangup', detail: 'unverified' });
    return draft.end(call, 'failed');
  }
  call.verified = true;
  call.media = poorerMedia(call.media, media);
  call.granted = true;
  start(draft, call, call.connectDeadline ?? draft.now);
}

/** Lost a glare: the survivor goes on in its place, or was gone and the user's call is placed again. */
export function onGlareMerged(draft: ClientDraft, call: ClientCall, into: string, redial: boolean): void {
  if (!draft.is(call, 'inviting', 'remote-ringing', 'merging')) return draft.end(call, 'glare-merged');
  const survivor = draft.find(into);
  if (redial && !survivor?.granted && call.consent !== null) {
    const { id, peer, media } = call;
    draft.end(call, 'glare-merged');
    draft.effects.push({ type: 'redial', call: id, peer: peer.account, media });
    return;
  }
  if (redial || draft.client.tombstones[into]) return draft.end(call, 'glare-merged');
  awaitSurvivor(draft, call, into);
}

/** Its consent stands until the survivor is answered with it, ends, or does not come. */
function awaitSurvivor(draft: ClientDraft, call: ClientCall, into: string | null): void {
  Object.assign(call, { phase: 'merging', into });
  for (const key of ['alive', 'invite', 'ring'] as const) draft.timer(call, key, null);
  draft.timer(call, 'merge', draft.now + MERGE_WAIT_MS);
}
