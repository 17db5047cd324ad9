import type { CallPolicy } from '../../calls/policy.ts';
import type { KeyBundle, OneTimeKeys } from '../../protocol/bundle.ts';
import type { Party } from '../../protocol/call.ts';
import type { ClientFrame } from '../../protocol/courier.ts';
import type { Envelope } from '../../protocol/envelope.ts';
import type { EventCommand } from '../events.ts';

export type { CallPolicy };

/** What reaches a device's actor. Routes have authenticated and verified; actors are trusted with their own mail. */
export type DeviceCommand =
  /** By the enrollment that made the device; repeated for a renewed push token. */
  | { readonly do: 'register'; readonly account: string; readonly key: string; readonly pushTokenHash: string }
  /** A bundle whose signatures verified under this device's key. */
  | {
      readonly do: 'publish';
      readonly bundle: KeyBundle;
      readonly hash: string;
      /** When it is too old to be used, ms. */ readonly until: number;
    }
  | { readonly do: 'one-time'; readonly upload: OneTimeKeys }
  | { readonly do: 'key-status' }
  /** What a lookup hands to a caller; with `claim` a one-time key too, the same again for the same request. */
  | {
      readonly do: 'keys-for';
      readonly caller: Party;
      readonly request: string;
      readonly claim: boolean;
      readonly known: boolean;
    }
  | { readonly do: 'active-calls' }
  | { readonly do: 'put'; readonly envelope: Envelope }
  | { readonly do: 'revoke'; readonly reason: string }
  /** A certificate of this device was issued that ends then (ms). */
  | { readonly do: 'renewed'; readonly notAfter: number }
  | EventCommand
  /** A courier whose hello verified. */
  | {
      readonly do: 'courier';
      readonly account: string;
      readonly device: string;
      readonly key: string;
      readonly pushTokenHash: string;
      readonly box: string | null;
      readonly lastSeq: number;
      readonly nextNonce: string;
      /** When the certificate of the hello ends, ms; one that has ended is admitted for renewal only. */
      readonly notAfter?: number;
      /** The hello's own nonce: used once, and when it expires (ms). */
      readonly nonce: { readonly id: string; readonly until: number };
    }
  | { readonly do: 'frame'; readonly frame: ClientFrame | { readonly type: 'unknown' } }
  | { readonly do: 'bad-frame'; readonly reason: 'bad-frame' | 'frame-too-large' }
  | { readonly do: 'unclear' };
