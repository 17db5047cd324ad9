import type { PushKind, PushSubscription } from '../protocol/push.ts';

/** All that a push service learns beside where to: a tag that says nothing to it, and how long the tag is of use. */
export interface PushMessage {
  /** base64url, 24 bytes. */
  readonly tag: string;
  /** Of no use after this, ms since 1970. */
  readonly until: number;
}

/** What a push service made of a push. */
export type PushOutcome =
  | { readonly outcome: 'accepted' }
  /** The subscription is over for good: it is removed. */
  | { readonly outcome: 'gone' }
  /** Not now; `retryAfterMs` as the service asked, null when it did not. */
  | { readonly outcome: 'retry'; readonly retryAfterMs: number | null; readonly detail: string }
  /** The service does not take pushes of this deployment: an operator's matter, and no fault of the device. */
  | { readonly outcome: 'misconfigured'; readonly detail: string };

/** Why a subscription is not taken. */
export type SubscriptionProblem = 'push-kind-off' | 'push-endpoint' | 'push-key' | 'push-topic';

/** The push services of a deployment behind one face. */
export interface PushPort {
  readonly kinds: readonly PushKind[];
  /** Public VAPID key, uncompressed point, base64url. */
  readonly vapidKey: string | null;
  /** Null when pushes can be sent there. */
  problemOf(subscription: PushSubscription): Promise<SubscriptionProblem | null>;
  send(subscription: PushSubscription, message: PushMessage, now: number): Promise<PushOutcome>;
}

/** One push service. */
export interface Sender<To extends PushSubscription> {
  problemOf(to: To): Promise<SubscriptionProblem | null>;
  send(to: To, message: PushMessage, now: number): Promise<PushOutcome>;
}

export type Fetcher = (url: string, init: RequestInit) => Promise<Response>;
