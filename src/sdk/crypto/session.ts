/**
 * A call between two devices, from answer to confirmed keys. The caller's part starts many invitations and confirms one
 * answer; each part gives keys away only after the peer's confirmation verified, so no track can be attached before.
 */
import { concat, equal } from '../../bytes/join.ts';
import { hex } from '../../bytes/hex.ts';
import type { Agreed, AnswerRefusal } from './answer.ts';
import { openAnswer, sealAnswer } from './answer.ts';
import type { AnswerContent, Offer } from './content.ts';
import type { AnswerHeader, Party } from './header.ts';
import type { OpenedInvitation, PendingInvitation, Recipient, Self } from './invitation.ts';
import { sealInvitation } from './invitation.ts';
import type { Role } from './labels.ts';
import { ROLE } from './labels.ts';
import type { Bytes, CryptoProvider } from './provider.ts';
import type { SessionKeys } from './schedule.ts';
import { confirmation, deriveKeys, opposite, relayKey } from './schedule.ts';
import type { StunMessage } from './stun.ts';
import { ATTRIBUTE, authenticStun, decodeStun, encodeStun, STUN_TYPE } from './stun.ts';

export interface Times {
  sentAt: number;
  expiresAt: number;
}

export interface Clocks {
  local: number;
  server: number;
}

export type HandshakeRefusal = 'malformed' | 'other-call' | 'reflected' | 'unauthentic' | 'wrong-commitment' | 'ended';

export interface CallSession {
  readonly role: Role;
  readonly peer: Party;
  /** Datagram for the relay, the same each time: resend it until `receive` gives keys and the peer has answered. */
  request(): Bytes;
  /**
   * A datagram from the relay. `reply`, when there, goes back to the peer; `keys` are there once the peer is confirmed;
   * `answered` says that the peer has ours, so that `request` need not be resent.
   */
  receive(
    datagram: Uint8Array,
  ): Promise<
    { ok: true; keys: SessionKeys; reply: Bytes | null; answered: boolean } | { ok: false; reason: HandshakeRefusal }
  >;
  /** Forgets every secret; `receive` then answers 'ended'. Keys already given away are the holder's to drop. */
  erase(): void;
}

interface SessionInput {
  role: Role;
  callId: Bytes;
  self: Party;
  peer: Party;
  agreed: Agreed;
  /** Nd */
  calleeNonce: Bytes;
  /** Nc itself on the caller's side, its SHA-256 on the callee's. */
  caller: { nonce: Bytes } | { commitment: Bytes };
}

async function createSession(crypto: CryptoProvider, input: SessionInput): Promise<CallSession> {
  const { role, callId, self, peer } = input;
  const { secret, transcript } = input.agreed;
  const [ours, theirs, sendKey, receiveKey] = await Promise.all([
    confirmation(crypto, secret, transcript, role, self.spki),
    confirmation(crypto, secret, transcript, opposite(role), peer.spki),
    relayKey(crypto, secret, role),
    relayKey(crypto, secret, opposite(role)),
  ]);
  const attributes: [number, Uint8Array][] = [
    [ATTRIBUTE.call, callId],
    [ATTRIBUTE.confirmation, concat(Uint8Array.of(ROLE[role], 0, 0, 0), ours)],
  ];
  if ('nonce' in input.caller) attributes.push([ATTRIBUTE.reveal, input.caller.nonce]);
  const encode = (type: number, transaction: Uint8Array) =>
    encodeStun(crypto, sendKey, { type, transaction, attributes });
  const transaction = crypto.random(12);
  const request = await encode(STUN_TYPE.request, transaction);
  let keys: Promise<SessionKeys> | null = null;
  let ended = false;

  async function refuse(message: StunMessage): Promise<HandshakeRefusal | null> {
    const confirm = message.attributes.get(ATTRIBUTE.confirmation);
    const call = message.attributes.get(ATTRIBUTE.call);
    if (confirm?.length !== 36 || call === undefined) return 'malformed';
    if (!equal(call, callId)) return 'other-call';
    if (confirm[0] === ROLE[role]) return 'reflected';
    if (confirm[0] !== ROLE[opposite(role)]) return 'malformed';
    if (!(await authenticStun(crypto, receiveKey, message))) return 'unauthentic';
    return equal(confirm.subarray(4), theirs) ? null : 'unauthentic';
  }

  /** Nc: our own, or the one revealed if it is what the invitation committed to. */
  async function callerNonce(message: StunMessage): Promise<Bytes | null> {
    if ('nonce' in input.caller) return input.caller.nonce;
    const revealed = message.attributes.get(ATTRIBUTE.reveal);
    if (revealed?.length !== 32) return null;
    return equal(await crypto.sha256(revealed), input.caller.commitment) ? revealed : null;
  }

  function derive(nonce: Bytes): Promise<SessionKeys> {
    const [caller, callee] = role === 'caller' ? [self, peer] : [peer, self];
    return deriveKeys(crypto, secret, role, {
      nonces: concat(nonce, input.calleeNonce),
      callerAccount: caller.account,
      calleeAccount: callee.account,
    });
  }

  return {
    role,
    peer,
    request: () => request,
    async receive(datagram) {
      if (ended) return { ok: false, reason: 'ended' };
      const message = decodeStun(datagram);
      if (message === null || (message.type !== STUN_TYPE.request && message.type !== STUN_TYPE.response))
        return { ok: false, reason: 'malformed' };
      const refused = await refuse(message);
      if (refused !== null) return { ok: false, reason: refused };
      const nonce = await callerNonce(message);
      if (nonce === null) return { ok: false, reason: 'wrong-commitment' };
      keys ??= derive(nonce);
      const given = await keys;
      secret.fill(0);
      if (ended) return { ok: false, reason: 'ended' };
      const answered = message.type === STUN_TYPE.response && equal(message.transaction, transaction);
      const reply = message.type === STUN_TYPE.request ? await encode(STUN_TYPE.response, message.transaction) : null;
      return { ok: true, keys: given, reply, answered };
    },
    erase() {
      ended = true;
      keys = null;
      for (const held of [secret, ours, theirs, sendKey, receiveKey]) held.fill(0);
    },
  };
}

/** Callee: answers an opened invitation. The invitation's exporter is spent. */
export async function answerInvitation(
  crypto: CryptoProvider,
  self: Self,
  invitation: OpenedInvitation,
  input: { offer: Offer } & Times,
): Promise<{ ok: true; sealed: Bytes; session: CallSession } | { ok: false; reason: 'unauthentic' | 'too-large' }> {
  const answer = await sealAnswer(crypto, self, invitation, input);
  if (!answer.ok) return answer;
  invitation.exporter.fill(0);
  const { header, agreed, sealed } = answer;
  const session = await createSession(crypto, {
    role: 'callee',
    callId: header.callId,
    self: header.sender,
    peer: header.recipient,
    agreed,
    calleeNonce: header.nonce,
    caller: { commitment: invitation.header.commitment },
  });
  return { ok: true, sealed, session };
}

export interface OpenedAnswer {
  header: AnswerHeader;
  content: AnswerContent;
}

export interface CallerSide {
  readonly callId: Bytes;
  /** Seals to one device; a retry resends the returned bytes. A second invitation of a device takes the place of its first. */
  invite(
    to: Recipient,
    input: { offer: Offer } & Times,
  ): Promise<{ ok: true; sealed: Bytes; messageId: Bytes } | { ok: false; reason: 'bad-bundle' | 'too-large' }>;
  /** Opens an answer of the device. More than one device may answer; none is talked to before `confirm`. */
  answered(
    device: Bytes,
    sealed: Uint8Array,
    clocks: Clocks,
  ): Promise<({ ok: true } & OpenedAnswer) | AnswerRefusal | { ok: false; reason: 'not-invited' | 'answered' }>;
  /** Picks the one answer of this call, the granted device's; the secrets of all others are forgotten. */
  confirm(
    device: Bytes,
  ): Promise<{ ok: true; session: CallSession } | { ok: false; reason: 'not-answered' | 'already-confirmed' }>;
  erase(): void;
}

type Leg = { pending: PendingInvitation; answer: { header: AnswerHeader; agreed: Agreed } | null };

export function createCaller(crypto: CryptoProvider, self: Self, callId: Bytes): CallerSide {
  const legs = new Map<string, Leg>();
  let confirmed = false;

  function forget(): void {
    for (const { pending, answer } of legs.values()) {
      pending.ephemeral.erase();
      for (const held of [pending.exporter, pending.nonce, answer?.agreed.secret]) held?.fill(0);
    }
    legs.clear();
  }

  return {
    callId,
    async invite(to, { offer, sentAt, expiresAt }) {
      const made = await sealInvitation(crypto, self, to, { callId, offer, sentAt, expiresAt });
      if (!made.ok) return made;
      legs.get(hex(to.device))?.pending.ephemeral.erase();
      legs.set(hex(to.device), { pending: made.pending, answer: null });
      return { ok: true, sealed: made.sealed, messageId: made.pending.messageId };
    },
    async answered(device, sealed, clocks) {
      const leg = legs.get(hex(device));
      if (leg === undefined) return { ok: false, reason: 'not-invited' };
      const opened = await openAnswer(crypto, self, leg.pending, clocks, sealed);
      if (!opened.ok) return opened;
      if (leg.answer !== null) return { ok: false, reason: 'answered' };
      const { header, content, agreed } = opened;
      leg.answer = { header, agreed };
      leg.pending.ephemeral.erase();
      leg.pending.exporter.fill(0);
      return { ok: true, header, content };
    },
    async confirm(device) {
      if (confirmed) return { ok: false, reason: 'already-confirmed' };
      const leg = legs.get(hex(device));
      if (!leg?.answer) return { ok: false, reason: 'not-answered' };
      confirmed = true;
      const { header, agreed } = leg.answer;
      legs.delete(hex(device));
      forget();
      const session = await createSession(crypto, {
        role: 'caller',
        callId,
        self: header.recipient,
        peer: header.sender,
        agreed,
        calleeNonce: header.nonce,
        caller: { nonce: leg.pending.nonce },
      });
      return { ok: true, session };
    },
    erase: forget,
  };
}
