/** Sealed invitations: an asynchronous hybrid key agreement with a device's bundle, in the manner of PQXDH on P-256. */
import { concat, equal } from '../../bytes/join.ts';
import { MESSAGE_BYTES, openBody, sealBody, verifyBody } from './body.ts';
import type { InviteContent, Offer, TimeRefusal } from './content.ts';
import { decodeInviteContent, encodeContent, isUnderstood, judgeTimes, sameIds } from './content.ts';
import type { HeaderRefusal, InviteHeader, Party } from './header.ts';
import { decodeInvite, encodeInvite, INVITE_HEADER_BYTES } from './header.ts';
import { LABEL } from './labels.ts';
import type { PeerVerdict } from './peer.ts';
import { spkiOf } from './point.ts';
import type { AgreementKey, Bytes, CryptoProvider, KemKey, SigningKey } from './provider.ts';

/** This device. */
export interface Self {
  account: Bytes;
  device: Bytes;
  identity: SigningKey;
}

/** A device to be called, as a verified lookup gives it. */
export interface Recipient {
  account: Bytes;
  device: Bytes;
  /** From its verified manifest entry, 65 bytes. */
  identityKey: Bytes;
  signedPrekey: { keyId: number; key: Uint8Array };
  lastResort: { keyId: number; key: Uint8Array };
  oneTimeKey?: { keyId: number; key: Uint8Array };
  bundleHash: Bytes;
  /** The head of the recipient's manifest chain that the caller verified. */
  manifest: { version: number; hash: Bytes };
}

/** What the caller keeps of a sealed invitation until it is answered: in memory only. */
export interface PendingInvitation {
  callId: Bytes;
  messageId: Bytes;
  recipient: Party;
  identityKey: Bytes;
  /** sc */
  ephemeral: AgreementKey;
  /** Nc */
  nonce: Bytes;
  exporter: Bytes;
  /** SHA-256 of the sealed bytes. */
  hash: Bytes;
}

export async function partyOf(
  crypto: CryptoProvider,
  who: { account: Bytes; device: Bytes },
  identityKey: Uint8Array,
): Promise<Party> {
  return { account: who.account, device: who.device, spki: await crypto.sha256(spkiOf(identityKey)) };
}

/** Key of the body and exporter; `ikm` is overwritten. */
export async function sealKeys(crypto: CryptoProvider, ikm: Uint8Array, header: Uint8Array) {
  const salt = await crypto.sha256(header);
  const [key, exporter] = await Promise.all([
    crypto.hkdf(ikm, salt, LABEL.sealKey, 32),
    crypto.hkdf(ikm, salt, LABEL.sealExporter, 32),
  ]);
  ikm.fill(0);
  return { key, exporter };
}

/**
 * Seals one invitation to one device. Ephemeral, encapsulation, message id and nonce are fresh each time: a retry resends
 * the returned bytes. `sentAt` and `expiresAt` in ms, at most 120 s apart. Refuses a bundle whose keys are not keys.
 */
export async function sealInvitation(
  crypto: CryptoProvider,
  self: Self,
  to: Recipient,
  input: { callId: Bytes; offer: Offer; sentAt: number; expiresAt: number },
): Promise<
  { ok: true; sealed: Bytes; pending: PendingInvitation } | { ok: false; reason: 'bad-bundle' | 'too-large' }
> {
  const [e, ephemeral] = await Promise.all([crypto.generateAgreementKey(), crypto.generateAgreementKey()]);
  const kem = await crypto.encapsulate(to.lastResort.key);
  const shared = await e.agree(to.signedPrekey.key);
  const once = to.oneTimeKey ? await e.agree(to.oneTimeKey.key) : new Uint8Array();
  e.erase();
  if (kem === null || shared === null || once === null) return { ok: false, reason: 'bad-bundle' };

  const nonce = crypto.random(32);
  const header: InviteHeader = {
    callId: input.callId,
    messageId: crypto.random(16),
    sender: await partyOf(crypto, self, self.identity.publicKey),
    recipient: await partyOf(crypto, to, to.identityKey),
    signedPrekeyId: to.signedPrekey.keyId,
    oneTimeKeyId: to.oneTimeKey?.keyId ?? 0,
    kemKeyId: to.lastResort.keyId,
    ephemeral: e.publicKey,
    kemCiphertext: kem.ciphertext,
    commitment: await crypto.sha256(nonce),
    view: { manifestVersion: to.manifest.version, manifestHash: to.manifest.hash, bundleHash: to.bundleHash },
  };
  const encoded = encodeInvite(header);
  const { key, exporter } = await sealKeys(crypto, concat(shared, once, kem.secret), encoded);
  const { sentAt, expiresAt } = input;
  const content = encodeContent(header, input.offer, { sentAt, expiresAt }, ephemeral.publicKey);
  const { identity } = self;
  const body = await sealBody(crypto, { key, domain: LABEL.sealSignature, header: encoded, content, identity });
  const sealed = concat(encoded, body);
  if (sealed.length > MESSAGE_BYTES) return { ok: false, reason: 'too-large' };
  const { callId, messageId, recipient } = header;
  const pending = { callId, messageId, recipient, identityKey: to.identityKey, ephemeral, nonce, exporter };
  return { ok: true, sealed, pending: { ...pending, hash: await crypto.sha256(sealed) } };
}

/** The callee's private keys and its memory of messages. */
export interface PrekeyStore {
  /** `bundleHashes`: every bundle in which this prekey was published. */
  signedPrekey(keyId: number): Promise<{ key: AgreementKey; bundleHashes: readonly Uint8Array[] } | null>;
  oneTimeKey(keyId: number): Promise<AgreementKey | null>;
  kemKey(keyId: number): Promise<KemKey | null>;
  seen(replayKey: Bytes): Promise<boolean>;
  /**
   * One transaction: false when the replay key is known; else remembers it until the signed prekey is deleted, and deletes
   * the private one-time key (none when 0). True only when that is durable.
   */
  consume(use: { replayKey: Bytes; signedPrekeyId: number; oneTimeKeyId: number }): Promise<boolean>;
}

export interface OpenContext {
  self: Self;
  keys: PrekeyStore;
  /** Judges the claimed sender by section 1 (`acceptPeer`), fetching and verifying its manifest chain as needed. */
  judge(sender: Party, content: InviteContent): Promise<PeerVerdict>;
  /** Whether this head is in our own verified chain; refreshes the chain once before it says no. */
  knowsOurManifest(version: number, hash: Bytes): Promise<boolean>;
  /** The local clock, and the server's as last heard, in ms. */
  clocks: { local: number; server: number };
}

export interface OpenedInvitation {
  header: InviteHeader;
  content: InviteContent;
  /** The caller's, verified, 65 bytes. */
  identityKey: Bytes;
  exporter: Bytes;
  hash: Bytes;
  usedOneTimeKey: boolean;
}

export type InvitationRefusal =
  | HeaderRefusal
  | TimeRefusal
  | { ok: false; reason: 'not-for-us' | 'replayed' | 'unknown-key' | 'unauthentic' | 'wrong-ids' }
  | { ok: false; reason: 'unknown-manifest' | 'unknown-bundle'; alarm: true }
  | Extract<PeerVerdict, { ok: false }>;

const no = <R extends string>(reason: R): { ok: false; reason: R } => ({ ok: false, reason });

/** (sender SPKI, call, message): fixed lengths, 64 bytes. */
export const replayKey = (header: InviteHeader): Bytes => concat(header.sender.spki, header.callId, header.messageId);

/** Everything the callee checks before it rings, in this order. A refusal rings nothing and is reported on this device only. */
export async function openInvitation(
  crypto: CryptoProvider,
  context: OpenContext,
  sealed: Uint8Array,
): Promise<{ ok: true; invitation: OpenedInvitation } | InvitationRefusal> {
  const { self, keys, clocks } = context;
  // 1. Size, version, suite, layout.
  if (sealed.length > MESSAGE_BYTES) return no('malformed');
  const decoded = decodeInvite(sealed);
  if (!decoded.ok) return decoded;
  const { header } = decoded;
  // 2. Sealed to this device and this key.
  const us = await partyOf(crypto, self, self.identity.publicKey);
  if (!sameParty(header.recipient, us)) return no('not-for-us');
  // 3. Not seen before.
  const replay = replayKey(header);
  if (await keys.seen(replay)) return no('replayed');
  // 4. The keys it names are still here.
  const prekey = await keys.signedPrekey(header.signedPrekeyId);
  const kem = await keys.kemKey(header.kemKeyId);
  const oneTime = header.oneTimeKeyId === 0 ? null : await keys.oneTimeKey(header.oneTimeKeyId);
  if (prekey === null || kem === null || (header.oneTimeKeyId !== 0 && oneTime === null)) return no('unknown-key');
  // 5. Decrypts: one error for a bad point, a wrong encapsulation, a changed header and a changed body.
  const encoded = sealed.subarray(0, INVITE_HEADER_BYTES);
  const agreed = await agree(crypto, header, prekey.key, oneTime, kem);
  if (agreed === null) return no('unauthentic');
  const { key, exporter } = await sealKeys(crypto, agreed, encoded);
  const opened = await openBody(crypto, key, encoded, sealed.subarray(INVITE_HEADER_BYTES));
  const content = opened && decodeInviteContent(opened.content);
  if (opened === null || content === null) return no('unauthentic');
  // 6. The sender's key is accepted.
  const peer = await context.judge(header.sender, content);
  if (!peer.ok) return peer;
  const { identityKey } = peer;
  if (!equal(await crypto.sha256(spkiOf(identityKey)), header.sender.spki)) return no('wrong-key');
  // 7. It signed this.
  const signed = { identityKey, domain: LABEL.sealSignature, header: encoded, ...opened };
  if (!(await verifyBody(crypto, signed))) return no('unauthentic');
  // 8. Nothing in it that it forbids to ignore is unknown here; inner ids equal outer.
  if (!isUnderstood(content)) return no('unsupported');
  if (!sameIds(content, header)) return no('wrong-ids');
  // 9. In time by the local clock as well as the server's.
  const late = judgeTimes(content, [clocks.local, clocks.server]);
  if (late !== null) return late;
  // 10. The caller sees the same devices of ours that we see: another head is a ghost served to him.
  const { view } = header;
  if (!(await context.knowsOurManifest(view.manifestVersion, view.manifestHash)))
    return { ok: false, reason: 'unknown-manifest', alarm: true };
  if (!prekey.bundleHashes.some((hash) => equal(hash, view.bundleHash)))
    return { ok: false, reason: 'unknown-bundle', alarm: true };
  // 11. Remembered and the one-time key deleted, in one transaction, before anything rings.
  const { signedPrekeyId, oneTimeKeyId } = header;
  if (!(await keys.consume({ replayKey: replay, signedPrekeyId, oneTimeKeyId }))) return no('replayed');
  const hash = await crypto.sha256(sealed);
  return { ok: true, invitation: { header, content, identityKey, exporter, hash, usedOneTimeKey: oneTime !== null } };
}

export const sameParty = (a: Party, b: Party): boolean =>
  equal(a.account, b.account) && equal(a.device, b.device) && equal(a.spki, b.spki);

async function agree(
  crypto: CryptoProvider,
  header: InviteHeader,
  prekey: AgreementKey,
  oneTime: AgreementKey | null,
  kem: KemKey,
): Promise<Bytes | null> {
  const shared = await prekey.agree(header.ephemeral);
  const once = oneTime ? await oneTime.agree(header.ephemeral) : new Uint8Array();
  const secret = await crypto.decapsulate(kem, header.kemCiphertext);
  return shared && once && secret ? concat(shared, once, secret) : null;
}
