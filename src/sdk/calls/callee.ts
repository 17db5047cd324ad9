/** The callee's half: opens and judges an invitation before anything rings, seals the answer. */
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { hex } from '../../bytes/hex.ts';
import { accountBytes, accountIdOf, deviceBytes, deviceIdOf } from '../../directory/account.ts';
import { keyOf } from '../../directory/manifest/head.ts';
import type { Party, StateFrame, Verb } from '../../protocol/call.ts';
import type { InviteContent } from '../crypto/content.ts';
import { decodeInvite, type Party as SealedParty } from '../crypto/header.ts';
import { type OpenedInvitation, openInvitation } from '../crypto/invitation.ts';
import { acceptPeer, type PeerVerdict } from '../crypto/peer.ts';
import type { Bytes } from '../crypto/provider.ts';
import { answerInvitation } from '../crypto/session.ts';
import { CallsignError } from '../errors.ts';
import { selfOf } from '../identity.ts';
import { prekeyStore } from '../prekeys.ts';
import { LiveCall } from './call.ts';
import { clocksOf, type Ground } from './ground.ts';
import { erase, heldCall, type HeldCall } from './held.ts';
import { link } from './link.ts';
import { kindsOf, offerOf, SEALED_LIFE_MS } from './offer.ts';

type InviteFrame = StateFrame & { type: 'invite' };

/** The call is kept before the machine hears that its invitation verified. */
export async function openInvite(ground: Ground, frame: InviteFrame): Promise<void> {
  const opened = asked(ground, frame, await openedBody(ground, frame));
  const media = opened.ok ? kindsOf(opened.invitation.content) : null;
  if (!opened.ok || media === null) {
    ground.suspicious(frame.call, opened.ok ? 'malformed' : opened.reason);
    return ground.step({ type: 'invite-verified', call: frame.call, ok: false, party: frame.from, media: [] });
  }
  const { sender } = opened.invitation.header;
  const party: Party = { account: accountIdOf(sender.account), device: deviceIdOf(sender.device) };
  if (!opened.invitation.usedOneTimeKey) ground.lastResort(party.account);
  ground.keep(heldCall(calledBy(ground, party, frame.call, media), { invitation: opened.invitation }));
  const group = frame.group === true;
  ground.step({ type: 'invite-verified', call: frame.call, ok: true, party, media, group });
}

type Opened = { ok: true; invitation: OpenedInvitation } | { ok: false; reason: string };

/** Into a group or not: by the sealed word of who invites, which the server's must match. */
function asked({ groups }: Ground, frame: InviteFrame, opened: Opened): Opened {
  const group = opened.ok && opened.invitation.content.group;
  if (!opened.ok || (group === undefined && !frame.group) || (group && frame.group && groups?.reads(group)))
    return opened;
  return { ok: false, reason: 'unsupported' };
}

function calledBy(ground: Ground, { account }: Party, id: string, media: readonly string[]): LiveCall {
  return new LiveCall({ id, role: 'callee', peer: { account, handle: null }, media }, ground.port(id));
}

async function openedBody(ground: Ground, { body: text, call }: InviteFrame): Promise<Opened> {
  const { config, api } = ground;
  const body = fromBase64url(text);
  if (!body) return { ok: false, reason: 'malformed' };
  if (!isOfCall(body, call)) return { ok: false, reason: 'wrong-ids' };
  const about = {
    self: selfOf(api.identity),
    keys: prekeyStore(config),
    judge: (sender: SealedParty, { certificates, manifest }: InviteContent) => {
      const chain = certificates.map((der) => fromBase64url(der) ?? new Uint8Array());
      return judge(ground, sender, chain, manifest.version);
    },
    knowsOurManifest: (version: number, hash: Bytes) => knowsOurManifest(ground, version, hash),
    clocks: clocksOf(ground),
  };
  return openInvitation(config.crypto, about, body);
}

/** What was sealed for one call opens no other: a user who wants that other call has not asked for this one. */
const isOfCall = (body: Bytes, call: string): boolean => {
  const read = decodeInvite(body);
  return !read.ok || hex(read.header.callId) === call;
};

/** Certificate to a pinned root, key in the sender's verified manifest (fetched and verified from what is known here). */
export async function judge(
  { config, directory }: Ground,
  sender: Omit<SealedParty, 'spki'> & { spki?: Bytes },
  chain: readonly Bytes[],
  version: number,
): Promise<PeerVerdict> {
  const certificate = await directory.certificate(chain);
  if (!certificate) return { ok: false, reason: 'untrusted-certificate' };
  const head = await directory.chainOf(accountIdOf(sender.account), version);
  const listed = head && keyOf(head, deviceIdOf(sender.device));
  const { spki = await config.crypto.sha256(certificate.key) } = sender;
  return acceptPeer(
    config.crypto,
    { ...sender, spki },
    {
      certificate: {
        pathValid: true,
        account: accountBytes(certificate.account ?? '') ?? new Uint8Array(),
        device: deviceBytes(certificate.device) ?? new Uint8Array(),
        spki: certificate.key,
      },
      manifestKey: listed ? fromBase64url(listed) : null,
      handleAccount: null,
      revoked: false,
    },
  );
}

/** The caller's view of our devices must be one we know; else our own chain is read again, and if that does not help it is a ghost. */
async function knowsOurManifest({ api, directory }: Ground, version: number, hash: Bytes): Promise<boolean> {
  const { account } = api.identity;
  const known = async () => {
    const head = await directory.head(account);
    return head?.version === version && head.hash === base64url(hash);
  };
  if (await known()) return true;
  await directory.chainOf(account, version);
  return known();
}

/** Sealed once; a repetition says the stored bytes. */
export async function answer(ground: Ground, held: HeldCall, attempt: number, media: string[]): Promise<void> {
  if (held.group?.newcomer) held.answer ??= await held.group.answer(attempt);
  else if (held.invitation) held.answer ??= await sealedAnswer(ground, held, held.invitation, { attempt, media });
  if (ground.find(held.call.id) !== held) return erase(held);
  if (held.linkWanted) ground.behind(held.call.id, () => link(ground, held));
  if (held.answer) await ground.say(held.answer);
}

async function sealedAnswer(
  ground: Ground,
  held: HeldCall,
  invitation: OpenedInvitation,
  { attempt, media }: { attempt: number; media: string[] },
): Promise<Verb> {
  const { config, api } = ground;
  const sentAt = ground.now();
  const answered = await answerInvitation(config.crypto, selfOf(api.identity), invitation, {
    offer: await offerOf(ground, media),
    sentAt,
    expiresAt: sentAt + SEALED_LIFE_MS,
  });
  if (!answered.ok) throw new CallsignError('verification', answered.reason);
  held.session = answered.session;
  const message = hex(config.crypto.random(16));
  return { verb: 'answer', call: held.call.id, attempt, message, body: base64url(answered.sealed), media };
}
