/** Content of invitations and answers: a JSON object in UTF-8. Fields a reader does not know are ignored unless `must` names them. */
import * as v from 'valibot';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { equal } from '../../bytes/join.ts';
import { fromUtf8, utf8 } from '../../bytes/utf8.ts';
import type { Party } from './header.ts';
import type { Bytes } from './provider.ts';

export const VALIDITY_MS = 120_000;
export const SKEW_MS = 300_000;

const binary = (length: number) =>
  v.pipe(
    v.string(),
    v.maxLength(Math.ceil((length * 4) / 3)),
    v.transform(fromBase64url),
    v.check((bytes) => bytes?.length === length, `${length} bytes in base64url`),
    v.transform((bytes) => bytes!),
  );
const chain = v.pipe(v.array(v.pipe(v.string(), v.maxLength(8192))), v.minLength(1), v.maxLength(6));
const time = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(8.64e15));
const end = v.object({ account: binary(32), device: binary(16) });

const shared = {
  call: binary(16),
  message: binary(16),
  sender: end,
  recipient: end,
  /** Identity certificate first, each base64url of DER. */
  certificates: chain,
  /** Handle assertion (JWS) for the handle to be shown; null to show none. */
  handleAssertion: v.nullable(v.pipe(v.string(), v.maxLength(4096))),
  /** Head of the sender's own manifest chain; the peer fetches what it does not know. */
  manifest: v.object({ version: v.pipe(v.number(), v.integer(), v.minValue(0)), hash: binary(32) }),
  /** Media kinds, codecs with direction, bandwidth: the calls room defines them. */
  media: v.record(v.string(), v.unknown()),
  /** DTLS fingerprint and ICE, or SDP: the media binding defines it. */
  transport: v.record(v.string(), v.unknown()),
  sentAt: time,
  expiresAt: time,
  /** Fields that may not be ignored. */
  must: v.optional(v.pipe(v.array(v.string()), v.maxLength(16)), []),
};

const InviteContent = v.looseObject({
  ...shared,
  /** sc, the caller's session ephemeral for this device. */
  ephemeral: binary(65),
  /** The application's own bytes. */
  app: v.optional(v.pipe(v.string(), v.maxLength(1366))),
  /** Into a group call: what the newcomer verifies it by (group/invited.ts). */
  group: v.optional(v.record(v.string(), v.unknown())),
});
const AnswerContent = v.looseObject(shared);

export type InviteContent = v.InferOutput<typeof InviteContent>;
export type AnswerContent = v.InferOutput<typeof AnswerContent>;

/** What the application and the other rooms put into an invitation or answer. */
export interface Offer {
  certificates: string[];
  handleAssertion: string | null;
  manifest: { version: number; hash: Bytes };
  media: Record<string, unknown>;
  transport: Record<string, unknown>;
  app?: string;
  group?: Record<string, unknown>;
  must?: string[];
}

interface Frame {
  callId: Bytes;
  messageId: Bytes;
  sender: Party;
  recipient: Party;
}

const endOf = ({ account, device }: Party) => ({ account: base64url(account), device: base64url(device) });

export function encodeContent(
  frame: Frame,
  offer: Offer,
  times: { sentAt: number; expiresAt: number },
  ephemeral?: Uint8Array,
): Bytes {
  const { version, hash } = offer.manifest;
  return utf8(
    JSON.stringify({
      ...offer,
      call: base64url(frame.callId),
      message: base64url(frame.messageId),
      sender: endOf(frame.sender),
      recipient: endOf(frame.recipient),
      manifest: { version, hash: base64url(hash) },
      ...(ephemeral && { ephemeral: base64url(ephemeral) }),
      ...times,
    }),
  );
}

/** Null when it is not such content. */
export function decodeInviteContent(bytes: Uint8Array): InviteContent | null {
  const content = v.safeParse(InviteContent, json(bytes));
  return content.success ? content.output : null;
}

export function decodeAnswerContent(bytes: Uint8Array): AnswerContent | null {
  const content = v.safeParse(AnswerContent, json(bytes));
  return content.success ? content.output : null;
}

const KNOWN: ReadonlySet<string> = new Set(Object.keys(InviteContent.entries));

/** Whether this version knows every field that the content says may not be ignored. */
export const isUnderstood = ({ must }: { must: readonly string[] }): boolean => must.every((name) => KNOWN.has(name));

function json(bytes: Uint8Array): unknown {
  const text = fromUtf8(bytes);
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Whether the signed inner ids are those of the header. */
export function sameIds(content: AnswerContent, frame: Frame): boolean {
  const same = (inner: { account: Bytes; device: Bytes }, outer: Party) =>
    equal(inner.account, outer.account) && equal(inner.device, outer.device);
  return (
    equal(content.call, frame.callId) &&
    equal(content.message, frame.messageId) &&
    same(content.sender, frame.sender) &&
    same(content.recipient, frame.recipient)
  );
}

export type TimeRefusal = { ok: false; reason: 'expired' | 'future-dated' | 'valid-too-long' };

/** Judges the sender's times by every clock given, each trusted to five minutes. */
export function judgeTimes(
  { sentAt, expiresAt }: { sentAt: number; expiresAt: number },
  clocks: readonly number[],
): TimeRefusal | null {
  if (expiresAt <= sentAt || expiresAt - sentAt > VALIDITY_MS) return { ok: false, reason: 'valid-too-long' };
  if (clocks.some((now) => sentAt > now + SKEW_MS)) return { ok: false, reason: 'future-dated' };
  if (clocks.some((now) => expiresAt < now - SKEW_MS)) return { ok: false, reason: 'expired' };
  return null;
}
