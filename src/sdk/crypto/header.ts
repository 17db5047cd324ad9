/** Headers of sealed messages: fixed layouts, so every header has exactly one encoding. Integers are big-endian. */
import { concat, u32 } from '../../bytes/join.ts';
import { KIND, SUITE, VERSION } from './labels.ts';
import type { Bytes } from './provider.ts';
import { SIZES } from './provider.ts';

/** One end of a call: account id (32 bytes), device id (16 bytes), SHA-256 of the identity key's SPKI (32 bytes). */
export interface Party {
  account: Bytes;
  device: Bytes;
  spki: Bytes;
}

interface Common {
  callId: Bytes;
  messageId: Bytes;
  sender: Party;
  recipient: Party;
}

export interface InviteHeader extends Common {
  /** Key ids of the recipient's bundle; oneTimeKeyId is 0 when none was served. */
  signedPrekeyId: number;
  oneTimeKeyId: number;
  kemKeyId: number;
  ephemeral: Bytes;
  kemCiphertext: Bytes;
  /** SHA-256 of the caller's nonce Nc. */
  commitment: Bytes;
  /** What the caller believes about the recipient. */
  view: { manifestVersion: number; manifestHash: Bytes; bundleHash: Bytes };
}

export interface AnswerHeader extends Common {
  /** SHA-256 of the sealed invitation that is answered. */
  invitation: Bytes;
  ephemeral: Bytes;
  /** The callee's nonce Nd. */
  nonce: Bytes;
}

export type HeaderRefusal = { ok: false; reason: 'malformed' | 'unsupported' };

const COMMON_BYTES = 3 + 16 + 16 + 80 + 80;
export const INVITE_HEADER_BYTES = COMMON_BYTES + 12 + SIZES.point + SIZES.kemCiphertext + 32 + 4 + 32 + 32;
export const ANSWER_HEADER_BYTES = COMMON_BYTES + 32 + SIZES.point + 32;

const party = ({ account, device, spki }: Party): Bytes => concat(account, device, spki);
const common = (kind: number, h: Common): Bytes =>
  concat(Uint8Array.of(VERSION, SUITE, kind), h.callId, h.messageId, party(h.sender), party(h.recipient));

export function encodeInvite(h: InviteHeader): Bytes {
  const keys = concat(u32(h.signedPrekeyId), u32(h.oneTimeKeyId), u32(h.kemKeyId), h.ephemeral, h.kemCiphertext);
  const view = concat(u32(h.view.manifestVersion), h.view.manifestHash, h.view.bundleHash);
  return concat(common(KIND.invite, h), keys, h.commitment, view);
}

export function encodeAnswer(h: AnswerHeader): Bytes {
  return concat(common(KIND.answer, h), h.invitation, h.ephemeral, h.nonce);
}

/** Hands out consecutive pieces of bytes whose total length was checked before. */
function reader(bytes: Uint8Array): { take(length: number): Bytes; u32(): number } {
  let at = 0;
  const take = (length: number): Bytes => bytes.slice(at, (at += length));
  return { take, u32: () => new DataView(take(4).buffer).getUint32(0) };
}

type Reader = ReturnType<typeof reader>;

const readParty = (r: Reader): Party => ({ account: r.take(32), device: r.take(16), spki: r.take(32) });

function readCommon(r: Reader): Common {
  r.take(3);
  return { callId: r.take(16), messageId: r.take(16), sender: readParty(r), recipient: readParty(r) };
}

/** Version, suite and kind come first: another version or suite is said to be so, whatever follows. */
function refuse(message: Uint8Array, kind: number, length: number): HeaderRefusal | null {
  if (message.length < 3) return { ok: false, reason: 'malformed' };
  if (message[0] !== VERSION || message[1] !== SUITE) return { ok: false, reason: 'unsupported' };
  if (message[2] !== kind || message.length < length) return { ok: false, reason: 'malformed' };
  return null;
}

export function decodeInvite(message: Uint8Array): { ok: true; header: InviteHeader } | HeaderRefusal {
  const refused = refuse(message, KIND.invite, INVITE_HEADER_BYTES);
  if (refused !== null) return refused;
  const r = reader(message);
  const header = {
    ...readCommon(r),
    signedPrekeyId: r.u32(),
    oneTimeKeyId: r.u32(),
    kemKeyId: r.u32(),
    ephemeral: r.take(SIZES.point),
    kemCiphertext: r.take(SIZES.kemCiphertext),
    commitment: r.take(32),
    view: { manifestVersion: r.u32(), manifestHash: r.take(32), bundleHash: r.take(32) },
  };
  return { ok: true, header };
}

export function decodeAnswer(message: Uint8Array): { ok: true; header: AnswerHeader } | HeaderRefusal {
  const refused = refuse(message, KIND.answer, ANSWER_HEADER_BYTES);
  if (refused !== null) return refused;
  const r = reader(message);
  const header = { ...readCommon(r), invitation: r.take(32), ephemeral: r.take(SIZES.point), nonce: r.take(32) };
  return { ok: true, header };
}
