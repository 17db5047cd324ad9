import type { CallMail } from '../../calls/command.ts';
import type { ParsedVerb, Party } from '../../protocol/call.ts';
import type { EventCommand } from '../events.ts';

/** What reaches a call's actor, after its shape was checked. */
export type CallActorCommand =
  /** A verb of an authenticated device, by HTTP or through its own actor. */
  | { readonly do: 'verb'; readonly party: Party; readonly verb: ParsedVerb }
  | { readonly do: 'ticket'; readonly party: Party }
  /** Whether the call goes on, for a device that lost sight of it. */
  | { readonly do: 'look'; readonly party: Party }
  /** How far it came, for the operator. */
  | { readonly do: 'sight' }
  | { readonly do: 'socket'; readonly ticket: string }
  | { readonly do: 'frame'; readonly request: string; readonly verb: ParsedVerb }
  | { readonly do: 'datagram'; readonly bytes: Uint8Array }
  | { readonly do: 'bad-frame' }
  | { readonly do: 'too-fast' }
  | { readonly do: 'delivered'; readonly party: Party }
  | { readonly do: 'call-mail'; readonly mail: CallMail }
  | { readonly do: 'glare'; readonly account: string; readonly survivor: string }
  /** The device is out of service. */
  | { readonly do: 'gone'; readonly party: Party }
  | EventCommand
  | { readonly do: 'unclear' };
