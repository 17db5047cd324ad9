/** The caller's half: seals an invitation to every device of the peer, opens the one answer. */
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { hex } from '../../bytes/hex.ts';
import { deviceBytes } from '../../directory/account.ts';
import type { Invite, StateFrame } from '../../protocol/call.ts';
import { createCaller } from '../crypto/session.ts';
import type { Peer } from '../directory.ts';
import { CallsignError } from '../errors.ts';
import { selfOf } from '../identity.ts';
import { LiveCall } from './call.ts';
import { clocksOf, type Ground } from './ground.ts';
import { heldCall, type HeldCall } from './held.ts';
import { kindsOf, offerOf, SEALED_LIFE_MS } from './offer.ts';

/** A call to a peer that was looked up and verified; nothing is said yet. */
export function placed(ground: Ground, peer: Peer, media: readonly string[]): HeldCall {
  const { config, api } = ground;
  const callId = config.crypto.random(16);
  const id = hex(callId);
  const { account, handle } = peer;
  const call = new LiveCall({ id, role: 'caller', peer: { account, handle }, media }, ground.port(id));
  return heldCall(call, { peer, caller: createCaller(config.crypto, selfOf(api.identity), callId) });
}

/** A repetition says the stored bytes; a later attempt looks the peer up and verifies it anew before it seals. */
export async function invite(ground: Ground, held: HeldCall, attempt: number, again: boolean): Promise<void> {
  if (!held.peer) return;
  if (!again || !held.invite) {
    const peer = attempt === 0 ? held.peer : await lookedUpAgain(ground, held.peer);
    held.invite = await sealed(ground, held, peer, attempt);
  }
  await ground.say(held.invite);
}

export async function lookedUpAgain({ directory }: Ground, peer: Peer): Promise<Peer> {
  const found = await directory.find(peer.handle, { claim: true });
  if (found?.account !== peer.account) throw new CallsignError('verification', 'another-account');
  return found;
}

async function sealed(ground: Ground, { call, caller }: HeldCall, peer: Peer, attempt: number): Promise<Invite> {
  const sentAt = ground.now();
  const offer = await offerOf(ground, call.media);
  const legs = await Promise.all(
    peer.devices.map(async ({ device, recipient, capability }) => {
      const made = await caller!.invite(recipient, { offer, sentAt, expiresAt: sentAt + SEALED_LIFE_MS });
      if (!made.ok) throw new CallsignError('verification', made.reason);
      return { device, capability, message: hex(made.messageId), body: base64url(made.sealed) };
    }),
  );
  return { verb: 'invite', call: call.id, attempt, to: peer.account, media: [...call.media], set: peer.set, legs };
}

export async function openAnswer(ground: Ground, frame: StateFrame & { type: 'accepted' }): Promise<void> {
  const { call, account, device } = frame;
  const media = await confirmed(ground, ground.find(call), frame);
  ground.step({ type: 'answer-verified', call, ok: media !== null, party: { account, device }, media: media ?? [] });
}

/** The granted device's answer opened, its session the call's, secrets of all others forgotten: the media that it answered with. */
async function confirmed(
  ground: Ground,
  held: HeldCall | null,
  frame: StateFrame & { type: 'accepted' },
): Promise<string[] | null> {
  const device = deviceBytes(frame.device);
  const body = fromBase64url(frame.body);
  if (!held?.caller || !device || !body) return null;
  const opened = await held.caller.answered(device, body, clocksOf(ground));
  const media = opened.ok ? kindsOf(opened.content) : null;
  if (media === null) return null;
  const picked = await held.caller.confirm(device);
  if (!picked.ok) return null;
  if (ground.find(frame.call) === held) held.session = picked.session;
  else picked.session.erase();
  return media;
}
