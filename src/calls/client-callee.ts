/** The callee's half: verify, hold until the backlog is drained, alert, answer, wait for the grant. */
import { CLIENT_RING_GRACE_MS, GRANT_WAIT_MS, poorerMedia } from '../protocol/call.ts';
import type { Party, Reply, StateFrame } from '../protocol/call.ts';
import type { ClientCall, ClientInput } from './client.ts';
import type { ClientDraft } from './client-draft.ts';
import { onHangup, start } from './client-talk.ts';

/** A push said that something rings: a user may tap before anything could be verified. */
export function onAnnounced(draft: ClientDraft, { call: id, ringDeadline }: ClientInput & { type: 'announced' }): void {
  if (draft.find(id) || draft.client.tombstones[id]) return;
  const peer = { account: '', device: null };
  const call = draft.add({ id, role: 'callee', phase: 'announced', media: [], peer, ringDeadline });
  draft.timer(call, 'ring', ringDeadline + CLIENT_RING_GRACE_MS);
}

export function onInvite(draft: ClientDraft, frame: StateFrame & { type: 'invite' }): void {
  const { call: id, rev, attempt, from, media, ringDeadline } = frame;
  const early = draft.find(id);
  if (early && early.phase !== 'announced') return;
  const call = draft.add({
    id,
    role: 'callee',
    phase: 'incoming',
    media: [...media],
    peer: { ...from },
    rev,
    attempt,
    invitedAt: frame.at,
    ringDeadline,
  });
  if (early?.consent) Object.assign(call, { consent: early.consent, chosen: early.chosen });
  draft.effects.push({ type: 'verify-invite', call: id, frame });
  draft.timer(call, 'ring', ringDeadline + CLIENT_RING_GRACE_MS);
}

type Verified = { ok: boolean; party: Party; media: string[] };

/** What does not verify rings nothing. The sealed word alone says what is asked: the server's is forgotten. */
export function onInviteVerified(draft: ClientDraft, call: ClientCall, { ok, party, media }: Verified): void {
  if (call.role !== 'callee' || call.verified) return;
  if (!ok || party.account !== call.peer.account || party.device !== call.peer.device) {
    draft.effects.push({ type: 'suspicious', call: call.id });
    draft.send(call, { verb: 'failed', detail: 'unverified' });
    return draft.end(call, 'failed');
  }
  call.verified = true;
  call.media = call.chosen ? poorerMedia(media, call.chosen) : [...media];
  if (isLateNews(draft, call)) return draft.end(call, 'replaced');
  if (call.mergedFrom !== null) return answerMerged(draft, call);
  if (call.consent !== null) return answer(draft, call);
  call.phase = 'held';
  onCalleeDrained(draft, call);
}

/**
 * The peer's device calls again while its old call still stands here: the old one is an orphan, and the new one rings. An
 * invitation made before the old call started is no recall but late news (of a glare that is settled), and rings nothing.
 */
function isLateNews(draft: ClientDraft, call: ClientCall): boolean {
  for (const old of draft.live()) {
    const same = old.peer.account === call.peer.account && old.peer.device === call.peer.device;
    if (old.id === call.id || !same || old.startedAt === null) continue;
    if ((call.invitedAt ?? 0) <= old.startedAt) return true;
    draft.send(old, { verb: 'hangup', detail: 'recalled' });
    draft.end(old, 'replaced');
  }
  return false;
}

/** Alerts start only when everything that waited has been seen, and never after the ring deadline. */
export function onCalleeDrained(draft: ClientDraft, call: ClientCall): void {
  const peer = draft.peer(call);
  if (call.phase !== 'held' || !draft.client.drained || !peer) return;
  if (draft.now >= (call.ringDeadline ?? 0)) return draft.end(call, 'no-answer');
  call.phase = 'alerting';
  const waiting = draft.live().some((other) => draft.is(other, 'active', 'reconnecting', 'connecting'));
  draft.effects.push({ type: 'alert', call: call.id, peer, media: call.media, waiting });
  draft.send(call, { verb: 'ringing' });
}

/** Consent for this call only. Before verification it waits for it; it is spent by the grant. */
export function onLocalAccept(draft: ClientDraft, call: ClientCall, media: readonly string[]): void {
  if (call.role !== 'callee' || !draft.is(call, 'announced', 'incoming', 'held', 'alerting')) return;
  call.consent = 'accepted';
  if (!call.verified) {
    call.chosen = [...media];
    return;
  }
  call.media = poorerMedia(call.media, media);
  answer(draft, call);
}

function answer(draft: ClientDraft, call: ClientCall): void {
  if (call.phase === 'alerting') draft.effects.push({ type: 'stop-alert', call: call.id });
  call.phase = 'answering';
  draft.effects.push({ type: 'send-answer', call: call.id, attempt: call.attempt, media: call.media, again: false });
  draft.timer(call, 'answer', draft.now + GRANT_WAIT_MS);
}

type Refusal = { verb: 'decline'; scope: 'device' | 'all' } | { verb: 'ignore' | 'busy' };

/** Later than that, or about an own call, a decline takes the consent back like a hang-up. */
export function onLocalRefuse(draft: ClientDraft, call: ClientCall, refusal: Refusal): void {
  const early = call.role === 'callee' && draft.is(call, 'announced', 'incoming', 'held', 'alerting');
  if (!early && refusal.verb === 'decline') return onHangup(draft, call);
  if (!early) return;
  draft.send(call, refusal);
  draft.end(call, refusal.verb === 'busy' ? 'busy' : 'declined');
}

/**
 * Glare: the call was granted to this device because of a call that it placed itself. The one automatic answer, and only
 * while that call is uncancelled and to the account that signed this invitation; anything else is hung up.
 */
export function onMergedGrant(
  draft: ClientDraft,
  call: ClientCall,
  { connectDeadline }: StateFrame & { type: 'grant' },
  merged: { call: string; media: string[] },
): void {
  if (call.role !== 'callee' || !draft.is(call, 'incoming', 'held', 'alerting', 'answering')) return;
  if (call.consent === 'accepted') return onGrant(draft, call, connectDeadline);
  const own = draft.find(merged.call);
  if (own?.role !== 'caller' || own.consent !== 'placed' || own.peer.account !== call.peer.account) {
    draft.send(call, { verb: 'hangup', detail: 'no-consent' });
    return draft.end(call, 'cancelled');
  }
  Object.assign(call, { mergedFrom: own.id, mergedMedia: merged.media, connectDeadline });
  if (call.verified) answerMerged(draft, call);
}

/** The grant counts only for an answer that this device sent; before that, the reply to the answer will say it again. */
export function onGrant(draft: ClientDraft, call: ClientCall, connectDeadline: number): void {
  if (call.role !== 'callee' || call.phase !== 'answering' || call.consent === null) return;
  call.granted = true;
  start(draft, call, connectDeadline);
}

/** The reply to our answer: the grant, or why another one has the call. */
export function onAnswerReply(draft: ClientDraft, call: ClientCall, reply: Reply): void {
  if (call.phase !== 'answering') return;
  if (reply.ok && reply.granted) return onGrant(draft, call, reply.granted.connectDeadline);
  if (reply.ok) return;
  if (reply.reason === 'answered-elsewhere') return draft.end(call, 'completed', 'answered');
  if (reply.reason === 'declined-elsewhere') return draft.end(call, 'declined', 'declined');
  draft.end(call, reply.reason === 'cancelled' ? 'cancelled' : 'failed');
}

function answerMerged(draft: ClientDraft, call: ClientCall): void {
  const own = call.mergedFrom === null ? null : draft.find(call.mergedFrom);
  if (own?.consent !== 'placed') {
    draft.send(call, { verb: 'hangup', detail: 'no-consent' });
    return draft.end(call, 'cancelled');
  }
  if (call.phase === 'alerting') draft.effects.push({ type: 'stop-alert', call: call.id });
  call.media = poorerMedia(own.media, call.mergedMedia ?? call.media);
  call.consent = 'glare';
  call.granted = true;
  draft.end(own, 'glare-merged');
  draft.effects.push({ type: 'send-answer', call: call.id, attempt: call.attempt, media: call.media, again: false });
  start(draft, call, call.connectDeadline ?? draft.now + GRANT_WAIT_MS);
}
