/**
 * The calls of one device, as its SDK keeps them: what a user's action, a frame, a verification or a timer makes of them.
 *
 * Consent (G5): `consent` is set in three places only, each by this device's user: placing a call, accepting one, and
 * glare, where the user's own uncancelled call to the same verified account is the consent. Media starts when consent,
 * grant and the peer's verified key confirmation are all there, in whatever order they came; no frame sets any but
 * the grant. Nothing here is durable but what the SDK chooses to keep; secrets are not in it.
 *
 * `now` is server time as the inbox estimates it (local clock + clockOffset), ms.
 */
import type { CallFrame, EndReason, Party, PlaneFrame, Reply, StateFrame, Verb } from '../protocol/call.ts';
import { ERASE_AFTER_MS, STATE_FRAMES } from '../protocol/call.ts';
import {
  onAnnounced,
  onAnswerReply,
  onCalleeDrained,
  onGrant,
  onInvite,
  onInviteVerified,
  onLocalAccept,
  onLocalRefuse,
  onMergedGrant,
} from './client-callee.ts';
import {
  onAccepted,
  onAnswerVerified,
  onEndedReply,
  onGlareMerged,
  onInvited,
  onInviteReply,
  onPlace,
  onRefusedInvite,
} from './client-caller.ts';
import { ClientDraft } from './client-draft.ts';
import { onHangup, onPeerConfirmed, onPeerLost, onTimer, onTransport } from './client-talk.ts';

export type Phase =
  /** Caller. `merging`: lost a glare, its survivor is awaited. */
  | 'inviting'
  | 'remote-ringing'
  | 'merging'
  /** Callee. `announced`: by a push; `incoming`: not verified yet; `held`: verified, but the backlog is not drained. */
  | 'announced'
  | 'incoming'
  | 'held'
  | 'alerting'
  | 'answering'
  /** Both. */
  | 'connecting'
  | 'active'
  | 'reconnecting'
  | 'ended';

export type ClientCall = {
  id: string;
  role: 'caller' | 'callee';
  phase: Phase;
  attempt: number;
  /** Highest revision of a state frame, and of a plane frame that tells state, that was applied. */
  rev: number;
  planeRev: number;
  /** What may flow here: as sealed by the peer, and no more than this user chose; until it verified, as the server says. */
  media: string[];
  /** What the user chose before the invitation verified. */
  chosen: string[] | null;
  /** Who is at the other end; the device is known once a sealed body of it verified. */
  peer: { account: string; device: string | null };
  /** The peer's sealed body verified against its account's manifest and its certificate. */
  verified: boolean;
  /** This device's user wants this call, now. */
  consent: 'placed' | 'accepted' | 'glare' | null;
  granted: boolean;
  /** The peer's key confirmation verified. */
  confirmed: boolean;
  mediaOn: boolean;
  /** Callee: when the server made the invitation. */
  invitedAt: number | null;
  /** When it was granted here. */
  startedAt: number | null;
  ringDeadline: number | null;
  connectDeadline: number | null;
  /** Caller: the own call that this one replaces. */
  replaces: string | null;
  /** Glare, at the survivor: granted in the name of this own call. */
  mergedFrom: string | null;
  mergedMedia: string[] | null;
  /** Glare, at the loser: the call that survives. */
  into: string | null;
  /** Its call-plane socket is open, and keeps its lease by itself. */
  plane: boolean;
  /** It is a group, and does not stand or fall with the peer. */
  group: boolean;
  /** Answers and invitations sent again because no reply came. */
  retries: number;
  reason: EndReason | null;
};

export type Client = {
  self: Party;
  /** Everything that waited at the server has been applied: alerts may start. */
  drained: boolean;
  calls: Record<string, ClientCall>;
  /** Ended calls by id: their last revision, until nothing of them can come any more. */
  tombstones: Record<string, { rev: number; until: number }>;
};

export type ClientInput =
  /**
   * The user calls; the SDK has looked the peer up and will seal. The call id is 128 fresh random bits. `replaces`: an
   * own call that ends first, so that tapping again never rings twice.
   */
  | { type: 'place'; call: string; peer: string; media: string[]; ringMs: number; replaces?: string }
  /** The user accepts this call and no other; also before it could be verified. */
  | { type: 'accept'; call: string; media: string[] }
  | { type: 'decline'; call: string; scope: 'device' | 'all' }
  | { type: 'ignore'; call: string }
  | { type: 'busy'; call: string }
  /** The user cancels or hangs up, whatever the call is doing. */
  | { type: 'hangup'; call: string }
  | { type: 'frame'; frame: CallFrame }
  /** A verified push named this call, its invitation is not here yet. */
  | { type: 'announced'; call: string; ringDeadline: number }
  /** What the server answered to a verb of ours; an invitation is answered as the attempt it was. */
  | { type: 'reply'; call: string; verb: Verb['verb']; attempt: number; reply: Reply }
  /** The mailbox of this connection is drained; `false` when the connection is lost. */
  | { type: 'drained'; drained: boolean }
  /** The sealed invitation was opened; `party` is who signed it, `media` what is sealed in it. */
  | { type: 'invite-verified'; call: string; ok: boolean; party: Party; media: string[]; group?: boolean }
  | { type: 'answer-verified'; call: string; ok: boolean; party: Party; media: string[] }
  /** The key confirmation of the verified peer checked out; of a newcomer to a group, the whole log did, itself included. */
  | { type: 'peer-confirmed'; call: string }
  /** This device is a member of the group that the call became. */
  | { type: 'grouped'; call: string }
  | { type: 'transport'; call: string; up: boolean }
  | { type: 'timer'; call: string; key: string };

export type ClientEffect =
  /** Seal to every callable device and send; a repetition sends the stored bytes. */
  | { type: 'send-invite'; call: string; attempt: number; replaces: string | null; again: boolean }
  /** Look the peer up again, verify its chain, seal anew, then send with this attempt. */
  | { type: 'refresh-invite'; call: string; attempt: number; replaces: string | null }
  /** Seal the answer and send it; a repetition sends the stored bytes. */
  | { type: 'send-answer'; call: string; attempt: number; media: string[]; again: boolean }
  | { type: 'send'; verb: Verb }
  | { type: 'verify-invite'; call: string; frame: StateFrame & { type: 'invite' } }
  | { type: 'verify-answer'; call: string; frame: StateFrame & { type: 'accepted' } }
  | { type: 'alert'; call: string; peer: Party; media: string[]; waiting: boolean }
  | { type: 'stop-alert'; call: string }
  | { type: 'remote-ringing'; call: string }
  /** Open the call-plane socket and run the key confirmation over the relay. */
  | { type: 'handshake'; call: string; peer: Party }
  /** Attach tracks for this peer and no other. */
  | { type: 'media-on'; call: string; peer: Party; media: string[] }
  | { type: 'media-off'; call: string }
  | { type: 'ice-restart'; call: string }
  | { type: 'signal'; call: string; frame: PlaneFrame & { type: 'signal' } }
  /** What the group of a granted call is told; its own machine judges it. */
  | { type: 'group'; call: string; frame: CallFrame }
  /** The user's call was merged into one that is gone: place it again under a new call id. */
  | { type: 'redial'; call: string; peer: string; media: string[] }
  /** A sealed body did not verify: shown to the user as suspicious, reported locally. */
  | { type: 'suspicious'; call: string }
  | { type: 'ended'; call: string; reason: EndReason; elsewhere: 'answered' | 'declined' | null }
  | { type: 'timer'; call: string; key: string; at: number | null };

export function emptyClient(self: Party): Client {
  return { self, drained: false, calls: {}, tombstones: {} };
}

export function step(client: Client, input: ClientInput, now: number): { client: Client; effects: ClientEffect[] } {
  const draft = new ClientDraft(client, now);
  if (input.type === 'frame') onFrame(draft, input.frame);
  else if (input.type === 'drained') onDrained(draft, input.drained);
  else if (input.type === 'place') onPlace(draft, input);
  else if (input.type === 'announced') onAnnounced(draft, input);
  else onCallInput(draft, input);
  return { client: draft.client, effects: draft.effects };
}

function onDrained(draft: ClientDraft, drained: boolean): void {
  draft.client.drained = drained;
  if (drained) for (const call of draft.live()) onCalleeDrained(draft, call);
}

function onCallInput(
  draft: ClientDraft,
  input: Exclude<ClientInput, { type: 'frame' | 'drained' | 'place' | 'announced' }>,
): void {
  const call = draft.find(input.call) ?? continuation(draft, input);
  if (!call) return;
  switch (input.type) {
    case 'accept':
      return onLocalAccept(draft, call, input.media);
    case 'decline':
      return onLocalRefuse(draft, call, { verb: 'decline', scope: input.scope });
    case 'ignore':
    case 'busy':
      return onLocalRefuse(draft, call, { verb: input.type });
    case 'hangup':
      return onHangup(draft, call);
    case 'reply':
      return onReply(draft, call, input);
    case 'invite-verified':
      call.group = input.group === true;
      return onInviteVerified(draft, call, input);
    case 'answer-verified':
      return onAnswerVerified(draft, call, input);
    case 'peer-confirmed':
      return onPeerConfirmed(draft, call);
    case 'grouped':
      call.group = true;
      return;
    case 'transport':
      return onTransport(draft, call, input.up);
    case 'timer':
      return onTimer(draft, call, input.key);
  }
}

/** Who takes back a call that was merged takes back what it goes on as: that one has no other consent. */
function continuation(draft: ClientDraft, { type, call: id }: { type: string; call: string }): ClientCall | null {
  const taken = type === 'hangup' || type === 'decline';
  return taken ? (draft.live().find(({ mergedFrom }) => mergedFrom === id) ?? null) : null;
}

/** A reply that tells of the end counts like the frame that tells of it, which may be long in coming. */
function onReply(
  draft: ClientDraft,
  call: ClientCall,
  { verb, attempt, reply }: ClientInput & { type: 'reply' },
): void {
  if (verb === 'answer') return onAnswerReply(draft, call, reply);
  if (verb === 'invite') return onInviteReply(draft, call, attempt, reply);
  if (!reply.ok) return reply.reason === 'unknown-call' ? draft.end(call, 'failed') : undefined;
  if (reply.state === 'ended') onEndedReply(draft, call, reply.reason ?? 'failed');
}

/** State frames by rising revision; plane frames by their own, and never for a call that is over. */
function onFrame(draft: ClientDraft, frame: CallFrame): void {
  const { client } = draft;
  const call = draft.find(frame.call);
  if (!call) return frame.rev > (client.tombstones[frame.call]?.rev ?? 0) ? onUnknown(draft, frame) : undefined;
  if (!STATE_FRAMES.has(frame.type)) return onPlane(draft, call, frame as PlaneFrame);
  if (frame.rev <= call.rev) return;
  call.rev = frame.rev;
  onState(draft, call, frame as StateFrame);
}

/** Of a call that is not known: an invitation opens it, its end is remembered, so that a late invitation does not ring. */
function onUnknown(draft: ClientDraft, frame: CallFrame): void {
  if (frame.type === 'invite') return onInvite(draft, frame);
  if (!STATE_FRAMES.has(frame.type)) return;
  draft.client.tombstones[frame.call] = { rev: frame.rev, until: draft.now + ERASE_AFTER_MS };
}

function onState(draft: ClientDraft, call: ClientCall, frame: StateFrame): void {
  switch (frame.type) {
    case 'invite':
      return onInvite(draft, frame);
    case 'invited':
      return onInvited(draft, call, frame.ringDeadline);
    case 'stale-devices':
    case 'stale-capability':
    case 'denied':
      draft.group(call, frame);
      return onRefusedInvite(draft, call, frame);
    case 'remote-ringing':
      return onRemoteRinging(draft, call);
    case 'grant':
      return frame.merged
        ? onMergedGrant(draft, call, frame, frame.merged)
        : onGrant(draft, call, frame.connectDeadline);
    case 'accepted':
      return onAccepted(draft, call, frame);
    case 'elsewhere':
      return draft.end(call, frame.cause === 'declined' ? 'declined' : 'completed', frame.cause);
    case 'cancelled':
      return draft.end(call, 'cancelled');
    case 'dropped':
      return draft.group(call, frame);
    case 'ended':
      return frame.reason === 'glare-merged' && call.role === 'caller' && frame.into !== undefined
        ? onGlareMerged(draft, call, frame.into, frame.redial === true)
        : draft.end(call, frame.reason);
  }
}

function onRemoteRinging(draft: ClientDraft, call: ClientCall): void {
  if (call.phase !== 'inviting') return;
  call.phase = 'remote-ringing';
  draft.effects.push({ type: 'remote-ringing', call: call.id });
}

function onPlane(draft: ClientDraft, call: ClientCall, frame: PlaneFrame): void {
  if (call.phase === 'ended') return;
  if (frame.type === 'signal') return draft.signal(call, frame);
  draft.group(call, frame);
  if (frame.rev <= call.planeRev) return;
  call.planeRev = frame.rev;
  if (call.group) return;
  if (frame.type === 'peer-lost') onPeerLost(draft, call);
  if (frame.type === 'peer-back') onTransport(draft, call, true);
}
