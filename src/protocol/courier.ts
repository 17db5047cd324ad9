/** The courier connection: frames, limits, closing codes. Subprotocol `callsign.courier.1`; text frames are JSON. */
import * as v from 'valibot';
import { DeviceId, encoded, Hash, Millis } from './identity.ts';

export const COURIER_PROTOCOL = 'callsign.courier.1';

/** Longest text frame that a client may send, UTF-16 units: an invitation to LEGS_MAX devices fits. */
export const CLIENT_FRAME_MAX_LENGTH = 262_144;
/** Longest body of one envelope as JSON text, UTF-16 units. */
export const ENVELOPE_BODY_MAX_LENGTH = 32_768;
/** Frames that were no frames, on one connection, before it is closed with `bad-frames`. */
export const BAD_FRAMES_MAX = 8;

/**
 * Frames that one connection may send at once, and then a second. An acknowledgement counts as a small part of one: whoever catches up
 * on a full mailbox may acknowledge each envelope by itself.
 */
export const FRAME_BURST = 256;
export const FRAMES_PER_SECOND = 64;
export const ACK_WEIGHT = 1 / 16;

/** Advice before a restart: come back after this, spread over a ms for each connection that goes, within these bounds. */
export const RESTART_AFTER_MS = 1_000;
export const RESTART_SPREAD_MS = { least: 2_000, most: 30_000 } as const;

/** One mailbox. What it cannot hold is refused with `mailbox-full`; what it acknowledged it never drops before it expires. */
export const MAILBOX_MAX_ROWS = 1_000;
export const MAILBOX_MAX_BYTES = 4_194_304;
export const SENDER_MAX_ROWS = 64;
export const SENDER_MAX_BYTES = 262_144;
/** Above the limits, only for frames about a call that was let in (cancelled, elsewhere, grant, …). */
export const CONTROL_RESERVE_ROWS = 64;
export const CONTROL_RESERVE_BYTES = 262_144;
/** Longest life of an envelope. */
export const ENVELOPE_MAX_LIFE_MS = 30 * 24 * 3_600_000;

/** A row is poison when it was the first unacknowledged one in this many connections … */
export const POISON_CONNECTIONS = 5;
/** … and had been on the wire longer than this each time. */
export const POISON_AFTER_MS = 20_000;
/** An urgent envelope that a live connection has not acknowledged in this time also gets a push. */
export const PUSH_AFTER_MS = 700;
/** How long the place of an expired or poisonous row is kept for a `gap`, when nobody acknowledges it. */
export const MARKER_KEEP_MS = 7 * 24 * 3_600_000;
/** How long a device remembers a call's last revision. */
export const REVISION_KEEP_MS = 24 * 3_600_000;
/** What a client remembers of message ids, so that a duplicate is recognized. */
export const SEEN_MAX_IDS = 4_096;

/** Closing codes (RFC 6455 §7.4.2). */
export const CLOSE = {
  badFrames: 4400,
  revoked: 4401,
  /** The certificate ended more than 90 days ago. */
  expired: 4402,
  /** There is a certificate in force again: connect with it. */
  renewed: 4405,
  forbidden: 4403,
  /** A call-plane socket without a keep-alive: who still is there opens another. */
  silent: 4408,
  /** A newer connection of this device took over. */
  elsewhere: 4409,
  frameTooLarge: 4413,
  tooFast: 4429,
  /** Planned: read the advice of the `reconnect` frame before it. */
  restart: 1012,
} as const;

/** Payload of the hello, a compact JWS (ES256, `typ` callsign-hello+jws, `x5c`), in Sec-WebSocket-Protocol. */
export const Hello = v.object({
  /** From `GET /v1/courier/nonce` or `nextNonce` of the last welcome; opaque. */
  nonce: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.-]{1,256}$/)),
  /** Deployment id from the client's configuration, never from the network. */
  deployment: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  device: DeviceId,
  /** SHA-256 of the 256-bit push token, base64url. */
  pushTokenHash: Hash,
  /** Mailbox id of the last welcome; null at the first connection. Another id here makes `lastSeq` worthless. */
  box: v.nullable(encoded(16)),
  /** Highest sequence number whose effect is durable at the client. */
  lastSeq: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  iat: Millis,
});
export type Hello = v.InferOutput<typeof Hello>;

/** PUT /v1/courier/token, and its answer: SHA-256 of 32 bytes that the device chose, base64url. */
export const PushToken = v.object({ pushTokenHash: Hash });
export type PushToken = v.InferOutput<typeof PushToken>;

/** Correlates a verb with its reply on one connection. */
const Request = v.pipe(v.string(), v.minLength(1), v.maxLength(64));

/** What a client sends. `call` carries a verb (call.ts) when no call-plane socket is open. */
export const ClientFrame = v.variant('type', [
  v.object({ type: v.literal('ack'), upTo: v.pipe(v.number(), v.safeInteger(), v.minValue(0)) }),
  v.object({ type: v.literal('call'), request: Request, verb: v.looseObject({ verb: v.string() }) }),
]);
export type ClientFrame = v.InferOutput<typeof ClientFrame>;

const AnyFrame = v.looseObject({ type: v.pipe(v.string(), v.minLength(1), v.maxLength(32)) });

export type ParsedClientFrame =
  | { readonly ok: true; readonly frame: ClientFrame }
  /** A frame type of a later version: ignored. */
  | { readonly ok: true; readonly frame: { readonly type: 'unknown' } }
  | { readonly ok: false; readonly reason: 'frame-too-large' | 'bad-frame' };

export function parseClientFrame(text: string): ParsedClientFrame {
  if (text.length > CLIENT_FRAME_MAX_LENGTH) return { ok: false, reason: 'frame-too-large' };
  const raw = json(text);
  if (!v.is(AnyFrame, raw)) return { ok: false, reason: 'bad-frame' };
  if (raw.type !== 'ack' && raw.type !== 'call') return { ok: true, frame: { type: 'unknown' } };
  const parsed = v.safeParse(ClientFrame, raw);
  return parsed.success ? { ok: true, frame: parsed.output } : { ok: false, reason: 'bad-frame' };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Topics known today; others are carried. `call`: state frames; `signal`: plane frames while the socket is down. */
export const TOPIC = { call: 'call', signal: 'signal', history: 'history', account: 'account', keys: 'keys' } as const;

/** Body of topic `keys`: that caller took so many one-time keys that it gets no more for now. */
export type KeysNews = { readonly type: 'drained'; readonly account: string };

export type DeliverFrame = {
  type: 'deliver';
  seq: number;
  /** Envelope id; a repeat has the same one. */
  id: string;
  topic: string;
  /** The account that sent it; null: the server. */
  from: string | null;
  sentAt: number;
  expiresAt: number;
  serverNow: number;
  body: unknown;
};

export type ServerFrame =
  | {
      type: 'welcome';
      /** Random per mailbox, new after a restore from backup: forget `lastSeq` when it changes. */
      box: string;
      /** First sequence number that can still be delivered; newestSeq + 1 when nothing waits. */
      oldestSeq: number;
      newestSeq: number;
      serverNow: number;
      nextNonce: string;
      limits: { frameLength: number; bodyLength: number };
    }
  | DeliverFrame
  /** Everything that waited when the connection opened has been sent: alerts may start. */
  | { type: 'drained'; seq: number; serverNow: number }
  /** Rows fromSeq..toSeq will not come: ask `GET /v1/calls/active`, then acknowledge as usual. */
  | { type: 'gap'; fromSeq: number; toSeq: number; cause: 'expired' | 'poison' }
  | { type: 'reply'; request: string; reply: unknown }
  /** In place of `welcome`: the hello's certificate has ended. Renew before `by` (ms); nothing else comes until then. */
  | { type: 'renewal-needed'; by: number }
  /** So many one-time keys are left: publish more. */
  | { type: 'keys-low'; left: number }
  | { type: 'error'; reason: 'bad-frame' | 'frame-too-large' | 'too-fast' }
  /** A planned closing: reconnect after afterMs plus a random part of spreadMs. */
  | { type: 'reconnect'; afterMs: number; spreadMs: number };

const Seq = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** What a client acts on; other types, `error` among them, and unknown fields are ignored. */
export const ServerFrameSchema = v.variant('type', [
  v.object({
    type: v.literal('welcome'),
    box: encoded(16),
    oldestSeq: Seq,
    newestSeq: Seq,
    serverNow: Millis,
    nextNonce: v.string(),
    limits: v.object({ frameLength: Seq, bodyLength: Seq }),
  }),
  v.object({
    type: v.literal('deliver'),
    seq: Seq,
    id: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
    topic: v.pipe(v.string(), v.maxLength(32)),
    from: v.nullable(v.string()),
    sentAt: Millis,
    expiresAt: Millis,
    serverNow: Millis,
    body: v.unknown(),
  }),
  v.object({ type: v.literal('drained'), seq: Seq, serverNow: Millis }),
  v.object({ type: v.literal('gap'), fromSeq: Seq, toSeq: Seq, cause: v.picklist(['expired', 'poison']) }),
  v.object({ type: v.literal('reply'), request: Request, reply: v.unknown() }),
  v.object({ type: v.literal('renewal-needed'), by: Millis }),
  v.object({ type: v.literal('keys-low'), left: Seq }),
  v.object({ type: v.literal('reconnect'), afterMs: Seq, spreadMs: Seq }),
]);

/** One server frame, or null for what this version does not know. */
export function parseServerFrame(text: string): ServerFrame | null {
  const parsed = v.safeParse(ServerFrameSchema, json(text));
  return parsed.success ? parsed.output : null;
}
