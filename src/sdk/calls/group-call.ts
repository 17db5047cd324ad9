/** A group call as an application holds it (`call.group`), and the part that `./sdk/group` plugs into a client. Types only. */
import type { AddedOutcome, CallFrame, Verb } from '../../protocol/call.ts';
import type { Bytes } from '../crypto/provider.ts';
import type { Peer } from '../directory.ts';
import type { Ground } from './ground.ts';
import type { HeldCall } from './held.ts';

/** One device in the group; a device that joins again is another participant. */
export interface Participant {
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly account: string;
  readonly device: string;
  readonly self: boolean;
}

/** One key of a sender for SFrame suite 5: its KID, and the 32-byte base key. */
export interface FrameKey {
  readonly kid: number;
  readonly key: Bytes;
}

/** Keys of the frames as they are now: to be taken whole, in place of those before. `send` is null while nothing may be sent. */
export interface FrameKeys {
  readonly send: FrameKey | null;
  readonly receive: readonly { readonly participant: string; readonly keys: readonly FrameKey[] }[];
}

export interface GroupEvents {
  /** This device is a member, or the participants changed. */
  roster: readonly Participant[];
  joined: Participant;
  /** `left` and `removed` are signed; `replaced`: its device joined again. */
  left: { readonly participant: Participant; readonly how: 'left' | 'removed' | 'replaced' };
  /** An account that this device added. */
  rang: { readonly account: string; readonly outcome: AddedOutcome };
  /** The server lost its connection, or has it back. Nobody has signed anything. */
  connection: { readonly participant: Participant; readonly here: boolean };
  /** This device sends under fresh keys from now on. */
  epoch: number;
  /** A participant's key of an epoch verified. */
  keys: { readonly participant: Participant; readonly epoch: number };
  /** The keys of these have not come in the epoch in force: they cannot be heard or seen. They are asked again. */
  missing: { readonly participants: readonly Participant[]; readonly epoch: number };
  frameKeys: FrameKeys;
  /**
   * Something is wrong, and shown. `other-roster`: the participant signed keys for another roster than the one this device verified.
   * `second-key`: it signed two keys for one epoch. `refused-proof`: an entry of the log counts for nothing. `refused-epoch`: the
   * server prepared an epoch for a roster that this device does not accept. `broken`: the log does not begin or go on as it must.
   */
  alarm: {
    readonly what: 'other-roster' | 'second-key' | 'refused-proof' | 'refused-epoch' | 'refused-keys' | 'broken';
    readonly reason: string;
    readonly participant: Participant | null;
  };
}

export interface GroupCall {
  /** Whether this device is in the roster. */
  readonly member: boolean;
  /** Empty while it is none. Verified from the founder on. */
  readonly participants: readonly Participant[];
  /** Of the keys in use; null before the first. */
  readonly epoch: number | null;
  readonly frameKeys: FrameKeys;
  on<K extends keyof GroupEvents>(name: K, listener: (event: GroupEvents[K]) => void): () => void;
  /** The next event of this name. */
  next<K extends keyof GroupEvents>(name: K): Promise<GroupEvents[K]>;
  /**
   * Lets a person in that was found with `claim`, and rings its devices; a call of two becomes a group with the first. Resolves when the
   * invitation is stored; what comes of it is `rang`. `signal` ends the waiting.
   */
  add(peer: Peer, signal?: AbortSignal): Promise<void>;
  /** Puts a participant out: by the founder, or by who added it. `signal` ends the waiting. */
  remove(participant: Pick<Participant, 'id'>, signal?: AbortSignal): Promise<void>;
  /** Fresh keys of everybody although nobody comes or goes: before one is used up. The server makes an epoch at most once a minute. */
  rekey(): void;
  /** Signs the own end, and hangs up. */
  leave(): void;
  /** Sixty digits to compare: the same at all who see the same participants. */
  code(): Promise<string>;
}

export interface Groups {
  /** Whether what an invitation says of its group can be read. */
  reads(group: unknown): boolean;
  attach(ground: Ground, held: HeldCall): GroupPart;
}

/** The group of one call. */
export interface GroupPart {
  readonly face: GroupCall;
  /** Invited into the group: there is no session with who invited. */
  readonly newcomer: boolean;
  /** Said in place of a hang-up. */
  readonly farewell: Verb | null;
  /** The signed JOIN that answers an invitation. */
  answer(attempt: number): Promise<Verb>;
  /** The call plane is open. */
  opened(): void;
  frame(frame: CallFrame): void;
  erase(): void;
}
