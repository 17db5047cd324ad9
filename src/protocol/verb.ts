/** What clients ask of a call: every verb and its fields. Read by the server; a client needs only the types, which call.ts gives. */
import * as v from 'valibot';
import {
  APP_MAX_BYTES,
  CallId,
  LEGS_MAX,
  Media,
  MessageId,
  PARTICIPANTS_MAX,
  PROOF_MAX_BYTES,
  REFERENCE_MAX_LENGTH,
  RING_MAX_MS,
  RING_MIN_MS,
  SEALED_BODY_MAX_BYTES,
  Word,
} from './call.ts';
import { AccountId, DeviceId, encodedUpTo } from './identity.ts';

const Sealed = encodedUpTo(SEALED_BODY_MAX_BYTES);
/** A member's signed statement, opaque to the server: it orders, keeps and hands out, and judges nothing in it. */
const Proof = encodedUpTo(PROOF_MAX_BYTES);
const Epoch = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(0xffff_ffff));
const Participants = v.pipe(v.array(v.pipe(v.number(), v.safeInteger())), v.maxLength(PARTICIPANTS_MAX));
const Attempt = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535));
/** What the receiver may not ignore; a server that does not know an entry refuses with `must-understand`. */
const Must = v.pipe(v.array(Word), v.maxLength(8));

/** One callee device: the capability that a lookup returned for it, and the invitation sealed to it. */
export const InviteLeg = v.object({
  device: DeviceId,
  capability: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.-]{1,512}$/)),
  message: MessageId,
  body: Sealed,
});
export type InviteLeg = v.InferOutput<typeof InviteLeg>;

const Legs = v.pipe(v.array(InviteLeg), v.minLength(1), v.maxLength(LEGS_MAX));
const common = { call: CallId, attempt: Attempt, must: v.exactOptional(Must) };

export const Invite = v.object({
  ...common,
  verb: v.literal('invite'),
  to: AccountId,
  media: Media,
  /** Number of the callable set that the legs were sealed for. */
  set: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  legs: Legs,
  ringMs: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(RING_MIN_MS), v.maxValue(RING_MAX_MS))),
  /** The application's own sealed bytes, the same for every leg. */
  app: v.exactOptional(encodedUpTo(APP_MAX_BYTES)),
  reference: v.exactOptional(v.pipe(v.string(), v.maxLength(REFERENCE_MAX_LENGTH))),
  /** A call of the same caller device that ends first, so that tapping again never rings twice. */
  replaces: v.exactOptional(CallId),
});
export type Invite = v.InferOutput<typeof Invite>;

const simple = <const Name extends string>(name: Name) => v.object({ ...common, verb: v.literal(name) });
const sealed = { message: MessageId, body: Sealed };

/** Every verb, its fields; which role it is legal for is decided by the call's state. */
export const Verb = v.variant('verb', [
  Invite,
  simple('ringing'),
  v.object({ ...common, verb: v.literal('answer'), ...sealed, media: v.exactOptional(Media) }),
  v.object({ ...common, verb: v.literal('decline'), scope: v.picklist(['device', 'all']) }),
  simple('ignore'),
  simple('busy'),
  v.object({ ...common, verb: v.literal('failed'), detail: v.exactOptional(Word) }),
  simple('cancel'),
  v.object({
    ...common,
    verb: v.literal('signal'),
    ...sealed,
    /** Null or absent sends to every other talker. */
    to: v.exactOptional(v.nullable(DeviceId)),
    /** ICE generation of the sender; the receiver drops older ones. */
    generation: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535))),
  }),
  simple('confirm'),
  v.object({ ...common, verb: v.literal('hangup'), detail: v.exactOptional(Word) }),
  simple('alive'),
  /** Asks whether this device may open a call-plane socket now. */
  simple('socket'),
  v.object({
    ...common,
    verb: v.literal('add'),
    to: AccountId,
    set: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
    legs: Legs,
    /** The member's signed ADMIT. */
    admit: Proof,
  }),
  /** Makes the call of two a group: the founder's signed JOIN, and its ADMIT of the other one. The first founder counts. */
  v.object({ ...common, verb: v.literal('found'), join: Proof, admit: Proof }),
  /** A talker's signed JOIN with its call prekey; also of one that was dropped because it was lost. */
  v.object({ ...common, verb: v.literal('join'), proof: Proof }),
  v.object({ ...common, verb: v.literal('remove'), account: AccountId, device: DeviceId, proof: Proof }),
  v.object({ ...common, verb: v.literal('leave'), proof: v.exactOptional(Proof) }),
  /** The log of proofs from `after` on, and where the group stands. */
  v.object({
    ...common,
    verb: v.literal('proofs'),
    after: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(65_535)),
  }),
  /** One batch of sealed sender keys for an epoch, fanned out to every other member. */
  v.object({ ...common, verb: v.literal('keys'), epoch: Epoch, message: MessageId, body: Sealed }),
  /** The senders (participant ids) whose batches of this epoch were opened. */
  v.object({ ...common, verb: v.literal('keys-ack'), epoch: Epoch, from: Participants }),
  /** Asks these participants to say their batches of this epoch once more. */
  v.object({ ...common, verb: v.literal('keys-again'), epoch: Epoch, from: Participants }),
  /** Asks for an epoch although nobody came or went. */
  simple('rekey'),
]);
export type Verb = v.InferOutput<typeof Verb>;
export type VerbOf<Name extends Verb['verb']> = Extract<Verb, { verb: Name }>;

const UnknownVerb = v.object({ ...common, verb: Word });
/** Entries of `must` that this version understands. */
export const UNDERSTOOD: readonly string[] = [];

const NAMES: ReadonlySet<string> = new Set(Verb.options.map((option) => option.entries.verb.literal));

/** A verb of a later version: answered `ignored`, changes nothing. */
export type LaterVerb = { verb: 'unknown'; call: CallId; attempt: number };

export type ParsedVerb =
  | { readonly ok: true; readonly verb: Verb | LaterVerb }
  | { readonly ok: false; readonly reason: 'malformed' | 'must-understand' };

/** Reads one verb. Unknown fields are dropped; an unknown verb or field that `must` names is refused. */
export function parseVerb(raw: unknown): ParsedVerb {
  const head = v.safeParse(UnknownVerb, raw);
  if (!head.success) return { ok: false, reason: 'malformed' };
  if (head.output.must?.some((entry) => !UNDERSTOOD.includes(entry))) return { ok: false, reason: 'must-understand' };
  if (!NAMES.has(head.output.verb)) {
    return { ok: true, verb: { verb: 'unknown', call: head.output.call, attempt: head.output.attempt } };
  }
  const parsed = v.safeParse(Verb, raw);
  return parsed.success ? { ok: true, verb: parsed.output } : { ok: false, reason: 'malformed' };
}
