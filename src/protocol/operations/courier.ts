import * as api from '../api.ts';
import * as push from '../push.ts';
import { COURIER_PROTOCOL, PushToken } from '../courier.ts';
import { gives, json, upgraded, type Operation } from './operation.ts';

/** The courier connection and the pushes that stand in for it. */
export const COURIER: readonly Operation[] = [
  {
    method: 'GET',
    path: '/v1/courier/nonce',
    id: 'courierNonce',
    summary: 'A nonce for the hello',
    who: 'anyone',
    gives: gives(api.NonceReply),
    problems: ['too-many-requests'],
  },
  {
    method: 'GET',
    path: '/v1/courier',
    id: 'courier',
    summary: `The device’s one live connection (docs/protocol/courier.md). Subprotocols: ${COURIER_PROTOCOL}, then the hello.`,
    who: 'socket',
    gives: upgraded,
    problems: ['unauthenticated', 'too-many-requests'],
  },
  {
    method: 'PUT',
    path: '/v1/courier/token',
    id: 'pushToken',
    summary: 'Sets the push token that this device’s hellos must name from now on; the same again changes nothing',
    who: 'device',
    takes: json(PushToken),
    gives: gives(PushToken),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/push/subscription',
    id: 'pushSubscription',
    summary: 'Where this device is pushed to, and what the deployment can send',
    who: 'device',
    gives: gives(push.SubscriptionReply),
    problems: [],
  },
  {
    method: 'PUT',
    path: '/v1/push/subscription',
    id: 'pushSubscribe',
    summary: 'Sets where this device is pushed to while it has no connection; the same again changes nothing',
    who: 'device',
    takes: json(push.SubscriptionRequest),
    gives: gives(push.SubscriptionReply),
    problems: ['refused'],
  },
  {
    method: 'DELETE',
    path: '/v1/push/subscription',
    id: 'pushUnsubscribe',
    summary: 'Ends pushes to this device',
    who: 'device',
    gives: gives(push.SubscriptionReply),
    problems: [],
  },
  {
    method: 'POST',
    path: '/v1/push/test',
    id: 'pushTest',
    summary: 'Pushes to this device now, and tells what the push service said',
    who: 'device',
    gives: gives(push.PushTestReply),
    problems: ['not-found', 'too-many-requests'],
  },
  {
    method: 'POST',
    path: '/v1/wake',
    id: 'wake',
    summary: 'What a push was about: calls, waiting envelopes and relays in one request, proved by a hello',
    who: 'anyone',
    takes: json(push.WakeRequest),
    gives: gives(push.WakeReply),
    problems: ['unauthenticated', 'forbidden', 'unavailable'],
  },
];
