/** Letting a person in: the signed admission, and an invitation sealed to each of its devices. */
import { base64url } from '../../bytes/base64url.ts';
import { fromHex, hex } from '../../bytes/hex.ts';
import { accountBytes } from '../../directory/account.ts';
import type { BareVerb } from '../../calls/group-client.ts';
import type { CallFrame, InviteLeg } from '../../protocol/call.ts';
import { lookedUpAgain } from '../calls/caller.ts';
import { offerOf, SEALED_LIFE_MS } from '../calls/offer.ts';
import { NO_ADMISSION, startRoster } from '../crypto/group/roster.ts';
import { type Admit, signStatement, statementHash } from '../crypto/group/statement.ts';
import type { Bytes } from '../crypto/provider.ts';
import { createCaller } from '../crypto/session.ts';
import type { Peer } from '../directory.ts';
import { CallsignError } from '../errors.ts';
import { selfOf } from '../identity.ts';
import type { Group } from './group.ts';
import { inviteInto } from './invited.ts';

/** Refusals for stale devices or capabilities that one addition takes before it is given up. */
const REFRESHES = 3;

export interface Adding {
  readonly peer: Peer;
  refreshes: number;
  /** Looked up again after a refusal that it need not hear of. */
  again: boolean;
}

/** Makes the call of two a group: the own JOIN, and the admission of the peer. If the peer did so first, its group counts. */
export async function found(group: Group, peer: Bytes): Promise<void> {
  const { config, api } = group.ground;
  const statement = await group.membership.joining(NO_ADMISSION);
  group.log.anchor.hashes.add(hex(await statementHash(config.crypto, group.callId, statement)));
  const { signature } = await signStatement(api.identity.key, group.callId, statement);
  const identityKey = api.identity.key.publicKey;
  const judge = async () => ({ ok: true as const, identityKey });
  const alone = await startRoster(config.crypto, group.callId, { statement, signature }, judge);
  if (!alone.ok) throw new CallsignError('local', alone.reason);
  const admit = admission(group, statement.participant, peer, alone.roster.digest);
  const verb: BareVerb = {
    verb: 'found',
    join: await group.membership.signed(statement),
    admit: await group.membership.signed(admit),
  };
  const reply = await group.say(verb);
  if (!reply?.ok) throw new CallsignError('call', reply?.reason ?? 'unanswered');
}

function admission(group: Group, participant: Bytes, account: Bytes, rosterDigest: Bytes): Admit {
  const nonce = group.ground.config.crypto.random(16);
  return { kind: 'admit', participant, account, rosterDigest, nonce };
}

export async function addPeer(group: Group, peer: Peer): Promise<void> {
  const { call } = group.held;
  if (peer.changedFrom !== null) throw new CallsignError('verification', 'another-account');
  if (call.phase !== 'active' && call.phase !== 'reconnecting') throw new CallsignError('call', 'not-confirmed');
  await group.membership.reached(accountBytes(call.peer.account)!);
  group.adding.set(peer.account, { peer, refreshes: 0, again: false });
  await ring(group, peer);
}

async function ring(group: Group, peer: Peer): Promise<void> {
  const participant = fromHex(group.own ?? '');
  const { roster, founder } = group.log;
  if (!participant || !roster || !founder) throw new CallsignError('call', 'ended');
  const statement = admission(group, participant, accountBytes(peer.account)!, roster.digest);
  const hash = await statementHash(group.ground.config.crypto, group.callId, statement);
  const legs = await sealed(group, peer, { founder, admission: hash });
  const admit = await group.membership.signed(statement);
  const verb: BareVerb = { verb: 'add', to: peer.account, set: peer.set, legs, admit };
  const reply = await group.say(verb);
  if (!reply?.ok) throw new CallsignError('call', reply?.reason ?? 'unanswered');
}

/** No session comes of it: the newcomer answers with its JOIN, and what the sealing kept for one is forgotten. */
async function sealed(
  { ground, held, callId }: Group,
  peer: Peer,
  invited: { founder: Bytes; admission: Bytes },
): Promise<InviteLeg[]> {
  const sentAt = ground.now();
  const caller = createCaller(ground.config.crypto, selfOf(ground.api.identity), callId);
  const offer = { ...(await offerOf(ground, held.call.media)), ...inviteInto(invited) };
  try {
    return await Promise.all(
      peer.devices.map(async ({ device, recipient, capability }) => {
        const made = await caller.invite(recipient, { offer, sentAt, expiresAt: sentAt + SEALED_LIFE_MS });
        if (!made.ok) throw new CallsignError('verification', made.reason);
        return { device, capability, message: hex(made.messageId), body: base64url(made.sealed) };
      }),
    );
  } finally {
    caller.erase();
  }
}

/** What the inviter is told; false for everything else. Stale data are looked up and verified again before anything is sealed. */
export function onInviterFrame(group: Group, frame: CallFrame): boolean {
  if (frame.type === 'added') {
    const { account, outcome } = frame;
    const adding = group.adding.get(account);
    const again = outcome === 'refused' && adding?.again === true;
    if (adding) adding.again = false;
    if (again) return true;
    if (outcome !== 'ringing') group.adding.delete(account);
    group.face.tell('rang', { account, outcome });
    return true;
  }
  if (frame.type !== 'stale-devices' && frame.type !== 'stale-capability') return frame.type === 'denied';
  for (const adding of group.adding.values()) {
    if (adding.refreshes >= REFRESHES) continue;
    adding.refreshes += 1;
    adding.again = true;
    group.behind(async () => ring(group, await lookedUpAgain(group.ground, adding.peer)));
  }
  return true;
}
