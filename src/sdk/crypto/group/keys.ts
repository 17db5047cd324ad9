/** FTGK/1: a sender's fresh key of an epoch, wrapped to every other member's call prekey, signed once for all. */
import { hex } from '../../../bytes/hex.ts';
import { concat, equal, lp, u16, u32 } from '../../../bytes/join.ts';
import { utf8 } from '../../../bytes/utf8.ts';
import { SUITE, VERSION } from '../labels.ts';
import { isPoint } from '../point.ts';
import type { AgreementKey, Bytes, CryptoProvider, SigningKey } from '../provider.ts';
import { sivOpen, sivSeal } from '../siv.ts';
import type { Member, Roster } from './roster.ts';

const WRAP = utf8('callsign/ftgk/1 wrap\0');
const COMMIT = utf8('callsign/ftgk/1 commit\0');
const KEYS = utf8('callsign/ftgk/1 keys\0');
const SFRAME = utf8('callsign/ftgk/1 sframe\0');
const SRTP = utf8('callsign/ftgk/1 srtp\0');
const MAGIC = utf8('FTGK');

/** An epoch as this device sees it. */
export interface Epoch {
  epoch: number;
  roster: Roster;
  /** `epochHash` of the two. */
  hash: Bytes;
}

export interface WrappedKey {
  /** The recipient's name. */
  recipient: Bytes;
  /** Which of its call prekeys. */
  prekeyNumber: number;
  /** AES-SIV: 16 bytes synthetic IV, then the 32 bytes of the key. */
  wrapped: Bytes;
}

/** Common to all recipients of a batch. */
interface Signed {
  /** "FTGK", version, suite, call id, u32 epoch, u16 key id, sender's name: 60 bytes. */
  head: Bytes;
  rosterHash: Bytes;
  ephemeral: Bytes;
  commitment: Bytes;
  /** The sender's prekey for the next epoch, and its number. */
  nextPrekey: Bytes;
  nextPrekeyNumber: number;
  signature: Bytes;
}

export interface KeyBatch extends Signed {
  entries: WrappedKey[];
}

/** What one recipient gets of a batch: the hashes of all entries, and its own. */
export interface KeyMessage extends Signed {
  hashes: Bytes[];
  entry: WrappedKey;
}

export interface SenderKey {
  sender: Member;
  epoch: number;
  keyId: number;
  secret: Bytes;
  nextPrekey: Bytes;
  nextPrekeyNumber: number;
}

export type KeyRefusal =
  | 'malformed'
  | 'unsupported'
  | 'other-call'
  | 'wrong-epoch'
  | 'wrong-roster'
  | 'unknown-sender'
  | 'unauthentic'
  | 'not-for-us'
  | 'unknown-prekey'
  | 'equivocation';

const HEAD_BYTES = 60;
export const head = (callId: Bytes, epoch: number, sender: Bytes): Bytes =>
  concat(MAGIC, Uint8Array.of(VERSION, SUITE), callId, u32(epoch), u16(epoch % 65_536), sender);
export const addressed = (common: Bytes, entry: Omit<WrappedKey, 'wrapped'>): Bytes =>
  concat(common, entry.recipient, u16(entry.prekeyNumber));
export const entryHash = (crypto: CryptoProvider, entry: WrappedKey): Promise<Bytes> =>
  crypto.sha256(concat(entry.recipient, u16(entry.prekeyNumber), entry.wrapped));
export const commit = (crypto: CryptoProvider, secret: Bytes, common: Bytes): Promise<Bytes> =>
  crypto.hmacSha256(secret, concat(COMMIT, common));

export function signedBytes(batch: Omit<Signed, 'signature'>, hashes: readonly Bytes[]): Bytes {
  const { head: common, rosterHash, ephemeral, commitment, nextPrekey, nextPrekeyNumber } = batch;
  const next = concat(nextPrekey, u16(nextPrekeyNumber));
  return concat(KEYS, common, rosterHash, ephemeral, commitment, next, u16(hashes.length), ...hashes);
}

export async function wrappingKey(
  crypto: CryptoProvider,
  shared: Bytes,
  rosterHash: Bytes,
  addressedHead: Bytes,
  ephemeral: Bytes,
  prekey: Bytes,
): Promise<Bytes> {
  return crypto.hkdf(shared, rosterHash, concat(WRAP, lp(addressedHead), lp(ephemeral), lp(prekey)), 64);
}

/** Makes this device's fresh key of the epoch and wraps it to everybody else. `self` is its own entry in the roster. */
export async function sealKeys(
  crypto: CryptoProvider,
  { epoch, roster, hash }: Epoch,
  self: Member,
  identity: SigningKey,
  next: { prekey: Bytes; number: number },
): Promise<{ secret: Bytes; batch: KeyBatch }> {
  const secret = crypto.random(32);
  const e = await crypto.generateAgreementKey();
  const common = head(roster.callId, epoch, self.name);
  const others = [...roster.members.values()].filter(({ name }) => !equal(name, self.name));
  const entries = await Promise.all(
    others.map(async ({ name, prekey, prekeyNumber }) => {
      const to = { recipient: name, prekeyNumber };
      const shared = (await e.agree(prekey))!;
      const key = await wrappingKey(crypto, shared, hash, addressed(common, to), e.publicKey, prekey);
      return { ...to, wrapped: sivSeal(key, [addressed(common, to), hash], secret) };
    }),
  );
  e.erase();
  const batch = {
    head: common,
    rosterHash: hash,
    ephemeral: e.publicKey,
    commitment: await commit(crypto, secret, common),
    nextPrekey: next.prekey,
    nextPrekeyNumber: next.number,
  };
  const hashes = await Promise.all(entries.map((entry) => entryHash(crypto, entry)));
  return { secret, batch: { ...batch, entries, signature: await identity.sign(signedBytes(batch, hashes)) } };
}

/** A recipient's part of a batch: the hashes of all entries, and its own entry. Null when it has none. */
export async function messageFor(crypto: CryptoProvider, batch: KeyBatch, name: Bytes): Promise<KeyMessage | null> {
  const { entries, ...common } = batch;
  const entry = entries.find(({ recipient }) => equal(recipient, name));
  if (entry === undefined) return null;
  return { ...common, hashes: await Promise.all(entries.map((each) => entryHash(crypto, each))), entry };
}

/** The member that a batch names as its sender. */
export const senderOf = ({ members }: Roster, batchHead: Bytes): Member | null =>
  [...members.values()].find(({ name }) => equal(name, batchHead.subarray(28))) ?? null;

/** Everything a member checks of another's key, in this order. `prekeys` are its own, by number. */
export async function openKeys(
  crypto: CryptoProvider,
  { epoch, roster, hash }: Epoch,
  self: { name: Bytes; prekeys: ReadonlyMap<number, AgreementKey> },
  message: KeyMessage,
): Promise<{ ok: true; key: SenderKey } | { ok: false; reason: KeyRefusal }> {
  const no = (reason: KeyRefusal): { ok: false; reason: KeyRefusal } => ({ ok: false, reason });
  const { head: common, entry, hashes } = message;
  // 1. Form, version, suite, call.
  if (common.length !== HEAD_BYTES || !equal(common.subarray(0, 4), MAGIC)) return no('malformed');
  if (common[4] !== VERSION || common[5] !== SUITE) return no('unsupported');
  if (!equal(common.subarray(6, 22), roster.callId)) return no('other-call');
  // 2. This epoch, and another member.
  const sender = senderOf(roster, common);
  if (!equal(common.subarray(22, 28), concat(u32(epoch), u16(epoch % 65_536)))) return no('wrong-epoch');
  if (sender === null || equal(sender.name, self.name)) return no('unknown-sender');
  // 3. It signed this batch,
  if (!(await crypto.verify(sender.identityKey, signedBytes(message, hashes), message.signature)))
    return no('unauthentic');
  // for the roster that we ourselves computed: everybody else in it and nobody more. The signature comes first, so that only a
  // member can say that it sees another roster.
  if (!equal(message.rosterHash, hash)) return no('wrong-roster');
  if (hashes.length !== roster.members.size - 1 || !isPoint(message.nextPrekey)) return no('malformed');
  // 4. Our entry is one of it.
  const own = await entryHash(crypto, entry);
  if (!equal(entry.recipient, self.name) || !hashes.some((listed) => equal(listed, own))) return no('not-for-us');
  const prekey = self.prekeys.get(entry.prekeyNumber);
  if (prekey === undefined) return no('unknown-prekey');
  // 5. It unwraps with exactly one key.
  const to = addressed(common, entry);
  const shared = await prekey.agree(message.ephemeral);
  if (shared === null) return no('unauthentic');
  const key = await wrappingKey(crypto, shared, hash, to, message.ephemeral, prekey.publicKey);
  const secret = sivOpen(key, [to, hash], entry.wrapped);
  if (secret?.length !== 32) return no('unauthentic');
  // 6. It is the key that everybody got: AES-SIV alone does not commit to one.
  if (!equal(await commit(crypto, secret, common), message.commitment)) return no('equivocation');
  const { nextPrekey, nextPrekeyNumber } = message;
  return { ok: true, key: { sender, epoch, keyId: epoch % 65_536, secret, nextPrekey, nextPrekeyNumber } };
}

/** SFrame base key (32 bytes) of a sender in an epoch; its KID is the key id. */
export const groupSFrameKey = (crypto: CryptoProvider, callId: Bytes, sender: Bytes, epoch: number, secret: Bytes) =>
  crypto.hkdf(secret, callId, concat(SFRAME, sender, u32(epoch)), 32);

/** SRTP master key (32 bytes) and salt (14) of a sender in an epoch. */
export async function groupSrtpMaster(
  crypto: CryptoProvider,
  callId: Bytes,
  sender: Bytes,
  epoch: number,
  secret: Bytes,
): Promise<{ key: Bytes; salt: Bytes }> {
  const master = await crypto.hkdf(secret, callId, concat(SRTP, sender, u32(epoch)), 46);
  return { key: master.slice(0, 32), salt: master.slice(32) };
}

/** Which two messages are the same: for the rule that one sender has one key in one epoch. */
export const messageIdentity = (message: KeyMessage): string => hex(message.commitment) + hex(message.ephemeral);
