import type { PushKind, PushSubscription } from '../protocol/push.ts';
import { Apns, type ApnsConfig } from './apns.ts';
import { Fcm, type FcmConfig } from './fcm.ts';
import type { Fetcher, PushOutcome, PushPort, Sender } from './port.ts';
import { publicVapidKey, WebPush, type WebPushConfig } from './web/sender.ts';

/** What a deployment can push with; null where nothing is configured. */
export interface PushConfig {
  readonly web: WebPushConfig | null;
  readonly apns: ApnsConfig | null;
  readonly fcm: FcmConfig | null;
}

export function openPush({ web, apns, fcm }: PushConfig, fetcher: Fetcher): PushPort {
  const senders = new Map<PushKind, Sender<never>>();
  if (web) senders.set('web', new WebPush(web, fetcher));
  if (apns) senders.set('apns', new Apns(apns, fetcher));
  if (fcm) senders.set('fcm', new Fcm(fcm, fetcher));
  const senderOf = ({ kind }: PushSubscription): Sender<PushSubscription> | undefined => senders.get(kind);
  const off: PushOutcome = { outcome: 'misconfigured', detail: 'push-kind-off' };
  return {
    kinds: [...senders.keys()],
    vapidKey: web && publicVapidKey(web.key),
    problemOf: async (to) => (await senderOf(to)?.problemOf(to)) ?? (senders.has(to.kind) ? null : 'push-kind-off'),
    send: async (to, message, now) => (await senderOf(to)?.send(to, message, now)) ?? off,
  };
}
