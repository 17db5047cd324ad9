/** The sealed answer to an invitation, and the secret both sides draw from it. */
import { concat, equal, lp } from '../../bytes/join.ts';
import { MESSAGE_BYTES, openBody, sealBody, verifyBody } from './body.ts';
import type { AnswerContent, Offer, TimeRefusal } from './content.ts';
import { decodeAnswerContent, encodeContent, isUnderstood, judgeTimes, sameIds } from './content.ts';
import type { AnswerHeader, HeaderRefusal } from './header.ts';
import { ANSWER_HEADER_BYTES, decodeAnswer, encodeAnswer } from './header.ts';
import type { OpenedInvitation, PendingInvitation, Self } from './invitation.ts';
import { partyOf, sameParty } from './invitation.ts';
import { LABEL } from './labels.ts';
import type { Bytes, CryptoProvider } from './provider.ts';
import { deriveSecret } from './schedule.ts';

/** S and the transcript it is bound to. */
export interface Agreed {
  secret: Bytes;
  transcript: Bytes;
}

export async function agreed(
  crypto: CryptoProvider,
  invitation: Bytes,
  header: Uint8Array,
  body: Uint8Array,
  ephemerals: Uint8Array,
  exporter: Uint8Array,
): Promise<Agreed> {
  const transcript = await crypto.sha256(concat(lp(invitation), lp(header), lp(body)));
  return { transcript, secret: await deriveSecret(crypto, ephemerals, exporter, transcript) };
}

export async function answerKey(
  crypto: CryptoProvider,
  ephemerals: Uint8Array,
  exporter: Uint8Array,
  header: Uint8Array,
): Promise<Bytes> {
  return crypto.hkdf(concat(ephemerals, exporter), await crypto.sha256(header), LABEL.answerKey, 32);
}

export interface SealedAnswer {
  sealed: Bytes;
  header: AnswerHeader;
  agreed: Agreed;
}

/** Callee: seals the answer; the session ephemeral sd lives only inside this function. */
export async function sealAnswer(
  crypto: CryptoProvider,
  self: Self,
  invitation: OpenedInvitation,
  input: { offer: Offer; sentAt: number; expiresAt: number },
): Promise<({ ok: true } & SealedAnswer) | { ok: false; reason: 'unauthentic' | 'too-large' }> {
  const ephemeral = await crypto.generateAgreementKey();
  const shared = await ephemeral.agree(invitation.content.ephemeral);
  ephemeral.erase();
  if (shared === null) return { ok: false, reason: 'unauthentic' };
  const header: AnswerHeader = {
    callId: invitation.header.callId,
    messageId: crypto.random(16),
    sender: await partyOf(crypto, self, self.identity.publicKey),
    recipient: invitation.header.sender,
    invitation: invitation.hash,
    ephemeral: ephemeral.publicKey,
    nonce: crypto.random(32),
  };
  const encoded = encodeAnswer(header);
  const { exporter, hash } = invitation;
  const key = await answerKey(crypto, shared, exporter, encoded);
  const content = encodeContent(header, input.offer, { sentAt: input.sentAt, expiresAt: input.expiresAt });
  const { identity } = self;
  const body = await sealBody(crypto, { key, domain: LABEL.answerSignature, header: encoded, content, identity });
  const sealed = concat(encoded, body);
  if (sealed.length > MESSAGE_BYTES) return { ok: false, reason: 'too-large' };
  const secrets = await agreed(crypto, hash, encoded, body, shared, exporter);
  shared.fill(0);
  return { ok: true, sealed, header, agreed: secrets };
}

export type AnswerRefusal =
  | HeaderRefusal
  | TimeRefusal
  | { ok: false; reason: 'not-for-us' | 'wrong-sender' | 'wrong-invitation' | 'unauthentic' | 'wrong-ids' };

const no = <R extends string>(reason: R): { ok: false; reason: R } => ({ ok: false, reason });

/** Caller: everything it checks of an answer, in this order. The identity key is the one the invitation was sealed to. */
export async function openAnswer(
  crypto: CryptoProvider,
  self: Self,
  pending: PendingInvitation,
  clocks: { local: number; server: number },
  sealed: Uint8Array,
): Promise<{ ok: true; header: AnswerHeader; content: AnswerContent; agreed: Agreed } | AnswerRefusal> {
  // 1. Size, version, suite, layout.
  if (sealed.length > MESSAGE_BYTES) return no('malformed');
  const decoded = decodeAnswer(sealed);
  if (!decoded.ok) return decoded;
  const { header } = decoded;
  // 2. From the device that was invited, to this one, about that invitation.
  if (!sameParty(header.recipient, await partyOf(crypto, self, self.identity.publicKey))) return no('not-for-us');
  if (!sameParty(header.sender, pending.recipient)) return no('wrong-sender');
  if (!equal(header.callId, pending.callId) || !equal(header.invitation, pending.hash)) return no('wrong-invitation');
  // 3. Decrypts, and was signed by the identity key the invitation was sealed to.
  const [encoded, body] = [sealed.slice(0, ANSWER_HEADER_BYTES), sealed.slice(ANSWER_HEADER_BYTES)];
  const shared = await pending.ephemeral.agree(header.ephemeral);
  if (shared === null) return no('unauthentic');
  const opened = await openBody(crypto, await answerKey(crypto, shared, pending.exporter, encoded), encoded, body);
  const content = opened && decodeAnswerContent(opened.content);
  if (opened === null || content === null) return no('unauthentic');
  const { identityKey } = pending;
  const signed = { identityKey, domain: LABEL.answerSignature, header: encoded, ...opened };
  if (!(await verifyBody(crypto, signed))) return no('unauthentic');
  // 4. Understood, inner ids equal outer, in time.
  if (!isUnderstood(content)) return no('unsupported');
  if (!sameIds(content, header)) return no('wrong-ids');
  const late = judgeTimes(content, [clocks.local, clocks.server]);
  if (late !== null) return late;
  const secrets = await agreed(crypto, pending.hash, encoded, body, shared, pending.exporter);
  shared.fill(0);
  return { ok: true, header, content, agreed: secrets };
}
