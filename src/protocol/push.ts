/** How a device that is not connected is woken: its subscription at a push service, and the one thing that a push carries. */
import * as v from 'valibot';
import { CallId } from './call.ts';
import { IceReply } from './ice.ts';
import { encoded, Millis } from './identity.ts';

/** Key of the tags of one device, chosen by it and known to it and its Device alone. */
export const PUSH_SECRET_BYTES = 32;
/** `nonce[8] || mac[16]`: see src/courier/push-tag.ts. */
export const PUSH_TAG_BYTES = 24;
/** Pushes that a device may send itself for a test: at once, and one more per so many ms. */
export const PUSH_TESTS = { burst: 3, perMs: 20_000 } as const;
/** Life of a test push at the push service, ms. */
export const PUSH_TEST_LIFE_MS = 60_000;

/** RFC 8030: as `PushSubscription.toJSON()` of a browser has it. */
const Web = v.object({
  kind: v.literal('web'),
  endpoint: v.pipe(v.string(), v.maxLength(2_048), v.url()),
  /** Uncompressed P-256 point of the receiver. */
  p256dh: encoded(65),
  auth: encoded(16),
});

/** `token`: hexadecimal, as the application's delegate has it. `topic`: the bundle id, without `.voip`. */
const Apns = v.object({
  kind: v.literal('apns'),
  token: v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2}){32,100}$/)),
  topic: v.pipe(v.string(), v.regex(/^[A-Za-z0-9.-]{1,155}$/)),
  /** `voip`: a PushKit token. `background`: an ordinary one; iOS may delay or drop such a push. */
  push: v.picklist(['voip', 'background']),
  environment: v.picklist(['production', 'sandbox']),
});

const Fcm = v.object({ kind: v.literal('fcm'), token: v.pipe(v.string(), v.regex(/^[A-Za-z0-9:_-]{16,4096}$/)) });

export const PushSubscription = v.variant('kind', [Web, Apns, Fcm]);
export type PushSubscription = v.InferOutput<typeof PushSubscription>;
export type PushKind = PushSubscription['kind'];
export type PushTo<Kind extends PushKind> = Extract<PushSubscription, { kind: Kind }>;

/** PUT /v1/push/subscription: replaces what was there; the same again changes nothing. */
export const SubscriptionRequest = v.object({
  subscription: PushSubscription,
  secret: encoded(PUSH_SECRET_BYTES),
});
export type SubscriptionRequest = v.InferOutput<typeof SubscriptionRequest>;

/** GET, PUT and DELETE /v1/push/subscription. The secret never comes back. */
export const SubscriptionReply = v.object({
  subscription: v.nullable(PushSubscription),
  /** When it was first set as it is, ms; null without one. */
  since: v.nullable(Millis),
  /** Kinds that this deployment can send. */
  kinds: v.array(v.string()),
  /** `applicationServerKey` of browsers (RFC 8292 §3.2), uncompressed point; null when `web` is not among the kinds. */
  vapidKey: v.nullable(encoded(65)),
});
export type SubscriptionReply = v.InferOutput<typeof SubscriptionReply>;

/** POST /v1/push/test: what the push service said. */
export const PushTestReply = v.object({
  outcome: v.picklist(['accepted', 'gone', 'retry', 'misconfigured']),
  /** The tag that the push carries. */
  tag: encoded(PUSH_TAG_BYTES),
});
export type PushTestReply = v.InferOutput<typeof PushTestReply>;

/** POST /v1/wake. `hello` is the one of the courier (docs/protocol/courier.md), made for this request. */
export const WakeRequest = v.object({
  hello: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.-]{1,16384}$/)),
  /** Of the push; absent, every call that may still ring is meant. */
  tag: v.optional(encoded(PUSH_TAG_BYTES)),
});
export type WakeRequest = v.InferOutput<typeof WakeRequest>;

/** Null where no relay could be had. Envelopes as the courier delivers them, which it does again: nothing is acknowledged here. */
export const WakeReply = v.object({
  /** As `GET /v1/calls/{call}` shows them; none when nothing of the tag is known. */
  calls: v.array(
    v.looseObject({
      call: CallId,
      rev: v.number(),
      state: v.string(),
      leg: v.nullable(v.string()),
      ringDeadline: v.nullable(Millis),
    }),
  ),
  envelopes: v.array(v.looseObject({ seq: v.number(), id: v.string(), topic: v.string(), body: v.unknown() })),
  ice: v.nullable(IceReply),
  /** For the next hello. */
  nextNonce: v.string(),
  serverNow: Millis,
});
export type WakeReply = v.InferOutput<typeof WakeReply>;
