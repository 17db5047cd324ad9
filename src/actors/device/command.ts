import type { CallPolicy } from '../../calls/policy.ts';
import type { KeyBundle, OneTimeKeys } from '../../protocol/bundle.ts';
import type { Party } from '../../protocol/call.ts';
import type { ClientFrame } from '../../protocol/courier.ts';
import type { Envelope } from '../../protocol/envelope.ts';
import type { PushSubscription } from '../../protocol/push.ts';
import type { EventCommand } from '../events.ts';

export type { CallPolicy };

/** Of a hello: who it says that it is, which this actor compares with what it knows. */
export interface Greeting {
  readonly account: string;
  readonly key: string;
  readonly pushTokenHash: string;
  /** The hello's own nonce: used once, and when it expires (ms). */
  readonly nonce: { readonly id: string; readonly until: number };
}

/** What reaches a device's actor. Routes have authenticated and verified; actors are trusted with their own mail. */
export type DeviceCommand =
  /** By the enrollment that made the device; repeated for a renewed push token. */
  | { readonly do: 'register'; readonly account: string; readonly key: string; readonly pushTokenHash: string }
  /** By the device itself: from now on it is known by this one. */
  | { readonly do: 'push-token'; readonly pushTokenHash: string }
  /** A bundle whose signatures verified under this device's key. */
  | {
      readonly do: 'publish';
      readonly bundle: KeyBundle;
      readonly hash: string;
      /** When it is too old to be used, ms. */ readonly until: number;
    }
  | { readonly do: 'one-time'; readonly upload: OneTimeKeys }
  /** The owner does not know the one-time keys that are here: all of them go, with what was claimed. */
  | { readonly do: 'drop-one-time' }
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
  | { readonly do: 'push-subscription' }
  /** A subscription that pushes can be sent to. `secret`: key of the tags, 32 bytes, base64url. */
  | { readonly do: 'push-subscribe'; readonly subscription: PushSubscription; readonly secret: string }
  | { readonly do: 'push-unsubscribe' }
  | { readonly do: 'push-test' }
  | { readonly do: 'push-gone'; readonly subscription: PushSubscription }
  /** The consumer of the queue asks for the push of this row, and says what came of it. */
  | { readonly do: 'wakeup'; readonly seq: number }
  | {
      readonly do: 'wakeup-sent';
      readonly seq: number;
      readonly subscription: PushSubscription;
      readonly outcome: 'accepted' | 'gone' | 'retry' | 'misconfigured';
      readonly retryAfterMs?: number | null;
      readonly detail?: string;
    }
  /** A hello that verified, without a connection. */
  | (Greeting & { readonly do: 'wake'; readonly tag: string | null })
  | { readonly do: 'put'; readonly envelope: Envelope }
  | { readonly do: 'revoke'; readonly reason: string }
  /** Its account is closed: nothing of it is left. */
  | { readonly do: 'erase'; readonly account: string }
  | { readonly do: 'export' }
  /** A certificate of this device was issued that ends then (ms). */
  | { readonly do: 'renewed'; readonly notAfter: number }
  | EventCommand
  /** A courier whose hello verified. */
  | (Greeting & {
      readonly do: 'courier';
      readonly device: string;
      readonly box: string | null;
      readonly lastSeq: number;
      readonly nextNonce: string;
      /** When the certificate of the hello ends, ms; one that has ended is admitted for renewal only. */
      readonly notAfter?: number;
    })
  | { readonly do: 'frame'; readonly frame: ClientFrame | { readonly type: 'unknown' } }
  | { readonly do: 'bad-frame'; readonly reason: 'bad-frame' | 'frame-too-large' | 'too-fast' }
  | { readonly do: 'unclear' };
