/** Calls on the wire: what clients are answered (replies) and told (frames); what they ask is in verb.ts. */
import * as v from 'valibot';
import { AccountId, DeviceId, Millis } from './identity.ts';

/** Subprotocol of the call-plane socket; the single-use ticket is offered after it. */
export const CALL_PROTOCOL = 'callsign.call.1';

/** Longest sealed body of one device, bytes. */
export const SEALED_BODY_MAX_BYTES = 16_384;
/** Longest `app` of an invitation, bytes. */
export const APP_MAX_BYTES = 1_024;
/** Longest `reference` of an invitation, UTF-16 units; visible to the operator and returned in events. */
export const REFERENCE_MAX_LENGTH = 64;
/** Devices of one account that an invitation can ring. */
export const LEGS_MAX = 10;
/** Participants of a group call. */
export const PARTICIPANTS_MAX = 33;
/** Longest signed statement with its certificates, bytes. */
export const PROOF_MAX_BYTES = 8_192;
/** Statements after which a group takes nobody in any more. */
export const PROOFS_MAX = 1_024;
/** Most text of proofs that one answer carries, UTF-16 units. */
export const PROOFS_PAGE = 131_072;

export const RING_MS = 45_000;
export const RING_MIN_MS = 15_000;
export const RING_MAX_MS = 120_000;
/** An answer that reaches the call this long after the ring deadline still wins. */
export const LATE_GRACE_MS = 1_500;
/** A client stops its own ring this long after the ring deadline when nobody told it to. */
export const CLIENT_RING_GRACE_MS = 2_000;
/** A client that waits this long for the reply to its answer repeats it. */
export const GRANT_WAIT_MS = 5_000;
/** From grant to the first `confirm`. */
export const CONNECT_MS = 20_000;
/** A caller that is not heard for this long while it rings has cancelled; it sends `alive` every CALLER_ALIVE_MS. */
export const CALLER_LEASE_MS = 12_000;
export const CALLER_ALIVE_MS = 5_000;
/** A lease that is judged later than this after its end was not watched: nobody could renew it, and it runs once more. */
export const LEASE_SLACK_MS = 2_000;
/** From the loss of a participant's call-plane socket (without one its last verb, of a silent one its last sign) to the end of its part. */
export const IN_CALL_LEASE_MS = 30_000;
/** How often a participant shows that it is there: by the keep-alive on its call-plane socket, without one by `alive`. */
export const IN_CALL_ALIVE_MS = 10_000;
/** A call-plane socket that is not heard for this long is lost, whatever the network says; the lease counts from when it was heard. */
export const PLANE_SILENCE_MS = 20_000;
/** How long the callee's account and the pair lock may take to answer. */
export const ADMISSION_MS = 5_000;
/** A refused invitation can be repeated with the next attempt this long. */
export const REFUSED_KEEP_MS = 60_000;
/** An ended call answers repeated verbs this long, then erases itself; longer than any capability lives. */
export const ERASE_AFTER_MS = 24 * 3_600_000;
/** A pair lock outlives the ring deadline by this. */
export const PAIR_LOCK_GRACE_MS = 5_000;
/** Told that a call ended, a device hears it this long after. */
export const CONTROL_KEEP_MS = 60_000;

/** Text frames that one call-plane socket may send at once, and then a second. */
export const PLANE_FRAME_BURST = 256;
export const PLANE_FRAMES_PER_SECOND = 32;

/** Largest relayed datagram, bytes; and how many a sender may relay at once and per second. */
export const DATAGRAM_MAX_BYTES = 1_500;
export const DATAGRAM_BURST = 64;
export const DATAGRAMS_PER_SECOND = 50;
/** Bytes that one device may relay in a call, and all of a call together: a first connection, not a video call. */
export const RELAY_MAX_BYTES = 16_777_216;
export const RELAY_CALL_MAX_BYTES = 67_108_864;

/** Roster changes this close together share one epoch. */
export const EPOCH_COALESCE_MS = 150;
/** An epoch that somebody joined is activated after this at the latest. */
export const ACTIVATE_JOIN_MS = 1_000;
/** An epoch that somebody left is activated after this at the latest. */
export const ACTIVATE_LEAVE_MS = 500;
/** A member asks for fresh keys this long after the last epoch was prepared, and is ignored when it asks sooner than REKEY_MIN_MS. */
export const REKEY_MS = 15 * 60_000;
export const REKEY_MIN_MS = 60_000;
/** A device of a group that was dropped may join again this long, from its loss; its user's consent stands that long. */
export const REJOIN_MS = 90_000;

/** 128 random bits of the caller's device as 32 lowercase hexadecimal digits, so that text order is byte order. */
export const CallId = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));
export type CallId = v.InferOutput<typeof CallId>;

/** Identifies one logical message for ever: 128 random bits, 32 lowercase hexadecimal digits. */
export const MessageId = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));

/** A word of ours that may grow: media kinds, end reasons, `must` entries. Unknown ones are carried. */
export const Word = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,31}$/));

/** Known kinds, poorest first: `audio`, `video`, `screen`; unknown ones are carried. */
export const Media = v.pipe(v.array(Word), v.minLength(1), v.maxLength(8));

/** One authenticated device of an account. */
export const Party = v.object({ account: AccountId, device: DeviceId });
export type Party = v.InferOutput<typeof Party>;

export type { Invite, InviteLeg, LaterVerb, ParsedVerb, Verb, VerbOf } from './verb.ts';

export type CallState = 'new' | 'ringing' | 'granted' | 'connected' | 'ended';

/** `answering`: granted by a glare merge, its sealed answer not here yet. The last eight are end states. */
export type LegState =
  | 'pending'
  | 'sent'
  | 'delivered'
  | 'alerting'
  | 'answering'
  | 'won'
  | 'lost'
  | 'declined'
  | 'ignored'
  | 'busy'
  | 'failed'
  | 'expired'
  | 'elsewhere';

/** Why a call ended. Clients carry a reason they do not know and show it as `failed`. */
export type EndReason =
  | 'completed'
  | 'cancelled'
  | 'declined'
  | 'busy'
  | 'no-answer'
  | 'unreachable'
  | 'failed'
  | 'glare-merged'
  | 'replaced'
  | 'expired';

/** Why an answer was not granted or an invitation does not ring. */
export type DenyReason =
  | 'answered-elsewhere'
  | 'declined-elsewhere'
  | 'cancelled'
  | 'ended'
  | 'leg-ended'
  | 'too-late'
  | 'rate-limited'
  | 'callee-unknown'
  | 'unavailable'
  | 'call-id-taken'
  | 'stale-devices'
  | 'stale-capability'
  | 'too-many-participants';

/** Why a verb was refused. `unknown-call` is also what a stranger to the call hears. */
export type RefusalReason =
  | DenyReason
  | 'malformed'
  | 'must-understand'
  | 'unknown-call'
  | 'wrong-role'
  | 'wrong-state'
  | 'stale-attempt'
  | 'too-fast';

/** A device that the callable set holds and the invitation lacked; verified by a lookup before anything is sealed to it. */
export type MissingDevice = { device: string; capability?: string; bundle?: string };

/** What a verb is answered: at once, and the same again when it is repeated. */
export type Reply =
  | {
      ok: true;
      call: string;
      rev: number;
      state: CallState;
      serverNow: number;
      /** A verb that this version does not know, or that changes nothing any more. */
      ignored?: true;
      /** Invite: the call is stored and asks the callee's account; what came of it follows as a frame, or by repeating. */
      pending?: true;
      /** Invite, once it rings. */
      ringDeadline?: number;
      /** Answer: this device, and no other, holds the call. */
      granted?: { connectDeadline: number };
      reason?: EndReason;
      /** Proofs: entries of the log from `after` on, as many as fit, and the group as it stands. */
      proofs?: string[];
      group?: GroupView;
    }
  | {
      ok: false;
      call: string;
      rev: number;
      serverNow: number;
      reason: RefusalReason;
      /** The device that answered or declined. */
      by?: string;
      retryAfterMs?: number;
      /** stale-devices: number of the callable set, what was missing and what does not belong. */
      set?: number;
      missing?: MissingDevice[];
      extra?: string[];
      /** stale-capability: the legs whose capability no longer holds. */
      devices?: string[];
    };

type Head = {
  call: string;
  /** The call's revision: strictly growing over the state frames that one device is sent. */
  rev: number;
  /** Server time at which the call said so, ms. */
  at: number;
};

/** What the server tells a device about a call's state; durable, through the mailbox. */
export type StateFrame =
  | (Head & {
      type: 'invite';
      attempt: number;
      from: { account: string; device: string };
      media: string[];
      ringDeadline: number;
      message: string;
      body: string;
      app?: string;
      /** The new person's place in a call that goes on. */
      group?: true;
    })
  /** To the caller: stored, allowed, ringing. */
  | (Head & { type: 'invited'; ringDeadline: number; legs: number })
  | (Head & { type: 'stale-devices'; attempt: number; set: number; missing: MissingDevice[]; extra: string[] })
  | (Head & { type: 'stale-capability'; attempt: number; devices: string[] })
  | (Head & { type: 'denied'; attempt: number; reason: DenyReason; retryAfterMs?: number })
  | (Head & { type: 'remote-ringing' })
  | (Head & {
      type: 'grant';
      connectDeadline: number;
      /** Glare: granted because this device's own call was merged; the device now sends its sealed answer, or hangs up. */
      merged?: { call: string; media: string[] };
    })
  | (Head & {
      type: 'accepted';
      account: string;
      device: string;
      message: string;
      body: string;
      media: string[];
      connectDeadline: number;
    })
  | (Head & { type: 'elsewhere'; cause: 'answered' | 'declined'; by: string })
  | (Head & { type: 'cancelled' })
  /** To a device that was lost for a lease: the group goes on without it, and it may `join` again until then. */
  | (Head & { type: 'dropped'; until: number })
  | (Head & {
      type: 'ended';
      reason: EndReason;
      detail?: string;
      by?: string;
      /** Glare: the call that survives. */
      into?: string;
      /** Glare: the survivor was gone; a caller whose user has not cancelled places its call again. */
      redial?: true;
    });

/** What goes over call-plane sockets, with the courier as fall-back; volatile. */
export type PlaneFrame =
  | (Head & { type: 'connected' })
  | (Head & {
      type: 'signal';
      from: { account: string; device: string };
      message: string;
      body: string;
      generation?: number;
    })
  | (Head & { type: 'peer-lost'; account: string; device: string; until: number })
  | (Head & { type: 'peer-back'; account: string; device: string })
  /** The entry of the log at this place, as soon as the server has it. */
  | (Head & { type: 'proof'; place: number; proof: string })
  /** The next epoch: for whom the first `proofs` entries of the log make a member. `roster` is only whom the server forwards to. */
  | (Head & { type: 'prepare'; epoch: number; proofs: number; roster: RosterEntry[] })
  | (Head & { type: 'keys'; epoch: number; from: number; message: string; body: string })
  /** A member lacks this device's batch of the epoch. */
  | (Head & { type: 'keys-wanted'; epoch: number })
  | (Head & { type: 'activate'; epoch: number })
  /** To the member that added it: how the ringing of an account ended, or that it rings. */
  | (Head & { type: 'added'; account: string; outcome: AddedOutcome });

export type AddedOutcome = 'ringing' | 'answered' | 'declined' | 'busy' | 'no-answer' | 'unreachable' | 'refused';

export type CallFrame = StateFrame | PlaneFrame;

/** One participant of a group call; a device that joins again gets a new id. `since`: its first epoch. */
export type RosterEntry = { participant: number; account: string; device: string; since: number };

/** Where a group stands, for who lost sight of it. */
export type GroupView = {
  /** Length of the log. */
  proofs: number;
  /** The epoch prepared last, over the first `prepared` entries of the log, and the one in force; 0 before the first. */
  epoch: number;
  prepared: number;
  active: number;
  roster: RosterEntry[];
};

/** State frames by type: a client applies them by rising `rev`; plane frames are recognized by sender and message id. */
export const STATE_FRAMES: ReadonlySet<string> = new Set<StateFrame['type']>([
  'invite',
  'invited',
  'stale-devices',
  'stale-capability',
  'denied',
  'remote-ringing',
  'grant',
  'accepted',
  'elsewhere',
  'cancelled',
  'dropped',
  'ended',
]);

/** What every frame about a call has; the rest is the frame type's own, and unknown types are ignored. */
export const FrameHead = v.looseObject({
  type: Word,
  call: CallId,
  rev: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  at: Millis,
});

/** Media that both lists know, in the order of the first; never empty: audio is always possible. */
export function poorerMedia(a: readonly string[], b: readonly string[]): string[] {
  const both = a.filter((kind) => b.includes(kind));
  return both.length > 0 ? both : ['audio'];
}
