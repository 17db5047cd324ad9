/** Two people with devices, bundles and stores, made anew for each test. */
import { hex } from '../../src/bytes/hex.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import type { Offer } from '../../src/sdk/crypto/content.ts';
import type { OpenContext, PrekeyStore, Recipient, Self } from '../../src/sdk/crypto/invitation.ts';
import { openInvitation } from '../../src/sdk/crypto/invitation.ts';
import type { PeerEvidence } from '../../src/sdk/crypto/peer.ts';
import { acceptPeer } from '../../src/sdk/crypto/peer.ts';
import { spkiOf } from '../../src/sdk/crypto/point.ts';
import type { AgreementKey, Bytes, CryptoProvider } from '../../src/sdk/crypto/provider.ts';
import { answerInvitation, createCaller } from '../../src/sdk/crypto/session.ts';

export const NOW = 1_795_000_000_000;
export const TIMES = { sentAt: NOW, expiresAt: NOW + 60_000 };
export const CLOCKS = { local: NOW + 500, server: NOW + 700 };

export interface Device extends Self {
  crypto: CryptoProvider;
  keys: PrekeyStore & { oneTimeLeft(): number };
  /** What an honest lookup tells a caller about this device. */
  recipient: Recipient;
  evidence: PeerEvidence;
}

export async function makeDevice(crypto: CryptoProvider, account: Bytes, oneTimeKeys = 1): Promise<Device> {
  const device = crypto.random(16);
  const [identity, prekey, kem] = await Promise.all([
    crypto.generateSigningKey(),
    crypto.generateAgreementKey(),
    crypto.generateKem(),
  ]);
  const oneTime = new Map<number, AgreementKey>();
  for (let id = 100; id < 100 + oneTimeKeys; id++) oneTime.set(id, await crypto.generateAgreementKey());
  const [bundleHash, manifestHash] = [crypto.random(32), crypto.random(32)];
  const seen = new Set<string>();
  const keys: Device['keys'] = {
    signedPrekey: async (id) => (id === 1 ? { key: prekey, bundleHashes: [bundleHash] } : null),
    oneTimeKey: async (id) => oneTime.get(id) ?? null,
    kemKey: async (id) => (id === 2 ? kem : null),
    seen: async (key) => seen.has(hex(key)),
    async consume({ replayKey, oneTimeKeyId }) {
      if (seen.has(hex(replayKey))) return false;
      seen.add(hex(replayKey));
      oneTime.delete(oneTimeKeyId);
      return true;
    },
    oneTimeLeft: () => oneTime.size,
  };
  const spki = spkiOf(identity.publicKey);
  const once = oneTime.get(100);
  return {
    account,
    device,
    identity,
    crypto,
    keys,
    recipient: {
      account,
      device,
      identityKey: identity.publicKey,
      signedPrekey: { keyId: 1, key: prekey.publicKey },
      lastResort: { keyId: 2, key: kem.publicKey },
      ...(once && { oneTimeKey: { keyId: 100, key: once.publicKey } }),
      bundleHash,
      manifest: { version: 4, hash: manifestHash },
    },
    evidence: {
      certificate: { pathValid: true, account, device, spki },
      manifestKey: spki,
      handleAccount: account,
      revoked: false,
    },
  };
}

export function offer(device: Device): Offer {
  return {
    certificates: ['AAAA'],
    handleAssertion: 'header.payload.signature',
    manifest: device.recipient.manifest,
    media: { kinds: ['audio'] },
    transport: { fingerprint: 'sha-256 00' },
  };
}

/** What `callee` does with bytes said to come from `caller`. */
export function openAs(callee: Device, caller: Device, sealed: Uint8Array, change: Partial<OpenContext> = {}) {
  return openInvitation(
    callee.crypto,
    {
      self: callee,
      keys: callee.keys,
      judge: (sender) => acceptPeer(callee.crypto, sender, caller.evidence),
      knowsOurManifest: async (version, hash) => version === 4 && hex(hash) === hex(callee.recipient.manifest.hash),
      clocks: CLOCKS,
      ...change,
    },
    sealed,
  );
}

/** The value, or the test fails with the reason. */
export function good<T extends { ok: boolean }>(result: T): Extract<T, { ok: true }> {
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result)}`);
  return result as Extract<T, { ok: true }>;
}

export interface People {
  alice: Device;
  bob: Device;
  bobTablet: Device;
}

export async function makePeople(crypto: CryptoProvider): Promise<People> {
  const [a, b] = [await crypto.sha256(utf8('alice')), await crypto.sha256(utf8('bob'))];
  const [alice, bob, bobTablet] = await Promise.all([
    makeDevice(crypto, a),
    makeDevice(crypto, b),
    makeDevice(crypto, b),
  ]);
  return { alice, bob, bobTablet };
}

/** Alice invites one device of Bob's. */
export async function invite({ alice, bob }: Pick<People, 'alice' | 'bob'>, recipient = bob.recipient, times = TIMES) {
  const caller = createCaller(alice.crypto, alice, alice.crypto.random(16));
  const { sealed } = good(await caller.invite(recipient, { offer: offer(alice), ...times }));
  return { caller, sealed };
}

/** Up to both sessions, confirmations not yet exchanged. */
export async function connect(people: Pick<People, 'alice' | 'bob'>) {
  const { alice, bob } = people;
  const { caller, sealed } = await invite(people);
  const { invitation } = good(await openAs(bob, alice, sealed));
  const answer = good(await answerInvitation(bob.crypto, bob, invitation, { offer: offer(bob), ...TIMES }));
  good(await caller.answered(bob.device, answer.sealed, CLOCKS));
  const { session } = good(await caller.confirm(bob.device));
  return { caller, sealed, invitation, answer: answer.sealed, callerSession: session, calleeSession: answer.session };
}
