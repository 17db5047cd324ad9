/** From grant to hang-up, on both sides: the only place where media starts. */
import {
  CALLER_ALIVE_MS,
  CLIENT_RING_GRACE_MS,
  CONNECT_MS,
  GRANT_WAIT_MS,
  IN_CALL_ALIVE_MS,
  IN_CALL_LEASE_MS,
  REJOIN_MS,
} from '../protocol/call.ts';
import type { ClientCall } from './client.ts';
import { INVITE_RETRIES, INVITE_WAIT_MS } from './client-draft.ts';
import type { ClientDraft } from './client-draft.ts';

/** Granted: open the call plane to the verified peer and confirm keys. No track yet. */
export function start(draft: ClientDraft, call: ClientCall, connectDeadline: number): void {
  const peer = draft.peer(call);
  if (!peer || call.consent === null || !call.granted) return;
  call.phase = 'connecting';
  call.startedAt = draft.now;
  call.connectDeadline = connectDeadline;
  for (const key of ['ring', 'answer'] as const) draft.timer(call, key, null);
  // A newcomer to a large group has everybody in it to verify; its own lease at the server is what ends it.
  const patience = call.group ? REJOIN_MS : CONNECT_MS;
  draft.timer(call, 'connect', Math.max(connectDeadline, draft.now + patience));
  draft.effects.push({ type: 'handshake', call: call.id, peer });
  mediaIfAllowed(draft, call);
}

export function onPeerConfirmed(draft: ClientDraft, call: ClientCall): void {
  if (call.phase !== 'connecting' || !call.granted || !call.verified) return;
  call.confirmed = true;
  mediaIfAllowed(draft, call);
}

/** G5: the user's consent, the call's grant and the peer's key confirmation; all three, or nothing. */
function mediaIfAllowed(draft: ClientDraft, call: ClientCall): void {
  const peer = draft.peer(call);
  if (call.consent === null || !call.granted || !call.confirmed || !peer || call.mediaOn) return;
  call.mediaOn = true;
  call.phase = 'active';
  draft.timer(call, 'connect', null);
  draft.timer(call, 'alive', draft.now + IN_CALL_ALIVE_MS);
  draft.effects.push({ type: 'media-on', call: call.id, peer, media: call.media });
  draft.send(call, { verb: 'confirm' });
}

/** Cancel before an answer, hang up after it; a call that merged takes its survivor with it. */
export function onHangup(draft: ClientDraft, call: ClientCall): void {
  if (draft.is(call, 'announced', 'incoming', 'held', 'alerting')) {
    draft.send(call, { verb: 'decline', scope: 'all' });
    return draft.end(call, 'declined');
  }
  if (call.role === 'caller' && !call.verified) draft.send(call, { verb: 'cancel' });
  else draft.send(call, { verb: 'hangup' });
  draft.end(call, call.mediaOn ? 'completed' : 'cancelled');
}

export function onTransport(draft: ClientDraft, call: ClientCall, up: boolean): void {
  call.plane = up;
  if (up && call.phase === 'reconnecting') {
    call.phase = 'active';
    draft.timer(call, 'reconnect', null);
  } else if (!up && call.phase === 'active') {
    call.phase = 'reconnecting';
    draft.timer(call, 'reconnect', draft.now + (call.group ? REJOIN_MS : IN_CALL_LEASE_MS));
    draft.effects.push({ type: 'ice-restart', call: call.id });
  }
}

export function onPeerLost(draft: ClientDraft, call: ClientCall): void {
  if (call.phase !== 'active') return;
  call.phase = 'reconnecting';
  draft.timer(call, 'reconnect', draft.now + IN_CALL_LEASE_MS);
}

export function onTimer(draft: ClientDraft, call: ClientCall, key: string): void {
  switch (key) {
    case 'alive':
      return alive(draft, call);
    case 'invite':
      return inviteAgain(draft, call);
    case 'answer':
      return answerAgain(draft, call);
    case 'ring':
      return ringOver(draft, call);
    case 'connect':
      return call.phase === 'connecting' ? giveUp(draft, call) : undefined;
    case 'reconnect':
      return call.phase === 'reconnecting' ? giveUp(draft, call) : undefined;
    case 'merge':
      return call.phase === 'merging' ? draft.end(call, 'glare-merged') : undefined;
    default:
  }
}

function alive(draft: ClientDraft, call: ClientCall): void {
  const ringing = draft.is(call, 'inviting', 'remote-ringing');
  if (!ringing && !draft.is(call, 'active', 'reconnecting')) return;
  if (ringing || !call.plane) draft.send(call, { verb: 'alive' });
  draft.timer(call, 'alive', draft.now + (ringing ? CALLER_ALIVE_MS : IN_CALL_ALIVE_MS));
}

function inviteAgain(draft: ClientDraft, call: ClientCall): void {
  if (call.phase !== 'inviting' || call.ringDeadline !== null) return;
  if (call.retries >= INVITE_RETRIES) return giveUp(draft, call);
  call.retries += 1;
  const { id, attempt, replaces } = call;
  draft.effects.push({ type: 'send-invite', call: id, attempt, replaces, again: true });
  draft.timer(call, 'invite', draft.now + INVITE_WAIT_MS);
}

/** The answer is idempotent: the same bytes again, as long as it could be in time. */
function answerAgain(draft: ClientDraft, call: ClientCall): void {
  if (call.phase !== 'answering') return;
  if (draft.now > (call.ringDeadline ?? 0) + GRANT_WAIT_MS + CLIENT_RING_GRACE_MS) return giveUp(draft, call);
  draft.effects.push({ type: 'send-answer', call: call.id, attempt: call.attempt, media: call.media, again: true });
  draft.timer(call, 'answer', draft.now + GRANT_WAIT_MS);
}

/** Nobody told us that it is over: stop by our own clock. */
function ringOver(draft: ClientDraft, call: ClientCall): void {
  if (draft.is(call, 'announced', 'incoming', 'held', 'alerting')) draft.end(call, 'no-answer');
  else if (draft.is(call, 'inviting', 'remote-ringing')) {
    draft.send(call, { verb: 'cancel' });
    draft.end(call, 'no-answer');
  }
}

function giveUp(draft: ClientDraft, call: ClientCall): void {
  draft.send(
    call,
    call.role === 'caller' && !call.verified ? { verb: 'cancel' } : { verb: 'hangup', detail: 'connect' },
  );
  draft.end(call, 'failed');
}
