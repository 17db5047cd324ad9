import type { PlaneFrame, Verb } from '../../protocol/call.ts';
import type { OpenedInvitation } from '../crypto/invitation.ts';
import type { SessionKeys } from '../crypto/schedule.ts';
import type { CallerSide, CallSession } from '../crypto/session.ts';
import type { SignalReceiver, SignalSender } from '../crypto/signal.ts';
import type { Peer } from '../directory.ts';
import type { LiveCall } from './call.ts';
import type { GroupPart } from './group-call.ts';
import type { CallPlane } from './plane.ts';

/** What only the process knows of a call: secrets and sealed bytes that are never written down. */
export interface HeldCall {
  readonly call: LiveCall;
  /** Caller: whom the user called. */
  readonly peer: Peer | null;
  readonly caller: CallerSide | null;
  /** Callee: what was opened. */
  readonly invitation: OpenedInvitation | null;
  /** Sealed once, resent as they are. */
  invite: Verb | null;
  answer: Verb | null;
  session: CallSession | null;
  /** Once the peer's confirmation verified. */
  keys: SessionKeys | null;
  signals: { readonly sender: SignalSender; readonly receiver: SignalReceiver } | null;
  /** Signals of a peer that had its keys before this device had its own; and the opening under way, one after the other. */
  early: (PlaneFrame & { type: 'signal' })[];
  opening: Promise<void>;
  /** Highest generation of a signal that was opened. */
  generation: number;
  plane: CallPlane | null;
  group: GroupPart | null;
  /** The machine wants the plane, and there is no session yet: after glare the grant comes before the answer is sealed. */
  linkWanted: boolean;
  stopHandshake: () => void;
  stopReopening: () => void;
  /** Aborted when the call is over here: nobody waits for what is being asked for it. */
  readonly over: AbortController;
  /** The peer has our confirmation: no need to say it again. */
  heard: boolean;
}

export function heldCall(call: LiveCall, given: Partial<Pick<HeldCall, 'peer' | 'caller' | 'invitation'>>): HeldCall {
  return {
    call,
    peer: null,
    caller: null,
    invitation: null,
    invite: null,
    answer: null,
    session: null,
    keys: null,
    signals: null,
    early: [],
    opening: Promise.resolve(),
    generation: 0,
    plane: null,
    group: null,
    linkWanted: false,
    stopHandshake: () => undefined,
    stopReopening: () => undefined,
    over: new AbortController(),
    heard: false,
    ...given,
  };
}

/** Forgets every secret of the call: what is bytes is overwritten, also where the application holds it. The plane stays. */
export function erase(held: HeldCall): void {
  held.over.abort();
  held.stopHandshake();
  held.stopReopening();
  held.caller?.erase();
  held.invitation?.exporter.fill(0);
  held.session?.erase();
  held.group?.erase();
  if (held.keys) wipe(held.keys);
  Object.assign(held, { invite: null, answer: null, session: null, keys: null, signals: null, early: [] });
}

/** Both ends are under the keys of a group: those of the call of two are overwritten. Signals between the two go on, until the end. */
export function outgrow(held: HeldCall): void {
  held.stopHandshake();
  held.heard = true;
  held.caller?.erase();
  held.invitation?.exporter.fill(0);
  held.session?.erase();
  if (held.keys) wipeMedia(held.keys);
  held.keys = null;
  held.call.outgrow();
}

function wipe(keys: SessionKeys): void {
  wipeMedia(keys);
  for (const part of [keys.signal.send, keys.signal.receive]) part.fill(0);
}

function wipeMedia({ srtp, sframe }: SessionKeys): void {
  for (const { send, receive } of Object.values(srtp))
    for (const part of [send.key, send.salt, receive.key, receive.salt]) part.fill(0);
  for (const part of [sframe.send, sframe.receive]) part.fill(0);
}
