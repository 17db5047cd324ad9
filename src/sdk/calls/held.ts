import type { Verb } from '../../protocol/call.ts';
import type { OpenedInvitation } from '../crypto/invitation.ts';
import type { CallerSide } from '../crypto/session.ts';
import type { Peer } from '../directory.ts';
import type { Call } from './call.ts';

/** What only the process knows of a call: secrets and sealed bytes that are never written down. */
export interface HeldCall {
  readonly call: Call;
  /** Caller: whom the user called. */
  readonly peer: Peer | null;
  readonly caller: CallerSide | null;
  /** Callee: what was opened. */
  readonly invitation: OpenedInvitation | null;
  /** Sealed once, resent as they are. */
  invite: Verb | null;
  answer: Verb | null;
  stopHandshake: () => void;
  stopReopening: () => void;
  /** The peer has our confirmation: no need to say it again. */
  heard: boolean;
}

export function heldCall(call: Call, given: Partial<Pick<HeldCall, 'peer' | 'caller' | 'invitation'>>): HeldCall {
  const { peer = null, caller = null, invitation = null } = given;
  const stop = () => undefined;
  const sealed = { invite: null, answer: null };
  return { call, peer, caller, invitation, ...sealed, stopHandshake: stop, stopReopening: stop, heard: false };
}

/** Forgets every secret of the call. */
export function erase(held: HeldCall): void {
  held.stopHandshake();
  held.stopReopening();
  held.caller?.erase();
  held.invitation?.exporter.fill(0);
  held.call.erase();
}
