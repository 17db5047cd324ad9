/**
 * Makes test/vectors/call.json: our own constructions with every private input, from a fixed source of randomness.
 * `node test/crypto/make-vectors.ts` writes the file; a test compares it with what the code makes today.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { base64url } from '../../src/bytes/base64url.ts';
import { hex } from '../../src/bytes/hex.ts';
import { concat, u32 } from '../../src/bytes/join.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import {
  batchEntry,
  batchMessage,
  batchRoot,
  capabilitiesMessage,
  lastResortMessage,
  openBundle,
  signedPrekeyMessage,
} from '../../src/directory/bundle.ts';
import { inclusionPath } from '../../src/directory/merkle.ts';
import { sealAnswer } from '../../src/sdk/crypto/answer.ts';
import type { Offer } from '../../src/sdk/crypto/content.ts';
import { openInvitation, sealInvitation } from '../../src/sdk/crypto/invitation.ts';
import { nobleCrypto } from '../../src/sdk/crypto/noble.ts';
import { spkiOf } from '../../src/sdk/crypto/point.ts';
import type { PeerVerdict } from '../../src/sdk/crypto/peer.ts';
import type { Bytes, CryptoProvider, StoredKey } from '../../src/sdk/crypto/provider.ts';
import { groupSFrameKey, groupSrtpMaster, sealKeys } from '../../src/sdk/crypto/group/keys.ts';
import type { RosterResult } from '../../src/sdk/crypto/group/roster.ts';
import { applyStatement, epochHash, NO_ADMISSION, startRoster } from '../../src/sdk/crypto/group/roster.ts';
import type { Join, Statement } from '../../src/sdk/crypto/group/statement.ts';
import { signStatement, statementHash } from '../../src/sdk/crypto/group/statement.ts';
import { encodeBatch, encodeStatement } from '../../src/sdk/crypto/group/wire.ts';
import { groupCode, safetyNumber, safetyQr } from '../../src/sdk/crypto/safety.ts';
import { confirmation, deriveKeys, relayKey } from '../../src/sdk/crypto/schedule.ts';
import { signalSender } from '../../src/sdk/crypto/signal.ts';

const NOW = 1_795_000_000_000;

/** Bytes of SHA-256(label || counter): for vectors only. */
function fixedCrypto(label: string): CryptoProvider {
  let block = 0;
  const next = () => createHash('sha256').update(utf8(label)).update(u32(block++)).digest();
  const getRandomValues = <T extends ArrayBufferView | null>(array: T): T => {
    const bytes = array as unknown as Uint8Array;
    for (let at = 0; at < bytes.length; at += 32) bytes.set(next().subarray(0, bytes.length - at), at);
    return array;
  };
  return nobleCrypto({ getRandomValues });
}

const scalar = (key: { stored?: StoredKey }): string => {
  if (key.stored?.kind !== 'scalar') throw new Error('vectors need plain scalars');
  return hex(key.stored.scalar);
};

const offer = (name: string): Offer => ({
  certificates: [base64url(utf8(`${name}'s certificate`))],
  handleAssertion: null,
  manifest: { version: 3, hash: new Uint8Array(32).fill(3) },
  media: { kinds: ['audio'] },
  transport: { fingerprint: `sha-256 of ${name}` },
});

async function bundleVector(crypto: CryptoProvider) {
  const identity = await crypto.generateSigningKey();
  const [prekey, kem] = [await crypto.generateAgreementKey(), await crypto.generateKem()];
  const owner = { account: crypto.random(32), device: crypto.random(16) };
  const dates = { manifestVersion: 3, notBefore: NOW, expiresAt: NOW + 86_400_000 };
  const [first, second] = [
    { keyId: 1, ...dates },
    { keyId: 2, ...dates },
  ];
  const capabilities = {
    manifestVersion: 3,
    issuedAt: NOW,
    media: ['audio', 'video'],
    codecs: ['opus', 'vp8'],
    protocol: { min: 1, max: 1 },
  };
  const sign = async (message: Uint8Array) => base64url(await identity.sign(message));
  const bundle = {
    suite: 1 as const,
    signedPrekey: {
      ...first,
      key: base64url(prekey.publicKey),
      signature: await sign(signedPrekeyMessage(owner, first, prekey.publicKey)),
    },
    lastResort: {
      ...second,
      key: base64url(kem.publicKey),
      signature: await sign(lastResortMessage(owner, second, kem.publicKey)),
    },
    capabilities: { ...capabilities, signature: await sign(capabilitiesMessage(owner, capabilities)) },
  };
  const opened = openBundle(owner, bundle);
  if (!opened.ok) throw new Error(opened.reason);
  const keys = [];
  for (let i = 0; i < 5; i++) keys.push((await crypto.generateAgreementKey()).publicKey);
  const fields = { manifestVersion: 3, firstKeyId: 3, count: 5, expiresAt: NOW + 86_400_000 };
  const [batchId, root] = [crypto.random(16), batchRoot(3, keys)];
  const batch = {
    ...fields,
    batchId: base64url(batchId),
    root: base64url(root),
    signature: await sign(batchMessage(owner, fields, batchId, root)),
  };
  const entries = keys.map((key, index) => batchEntry(3, index, key));
  const oneTimeKeys = keys.map((key, index) => ({
    batch,
    index,
    key: base64url(key),
    path: inclusionPath(entries, index).map(base64url),
  }));
  return {
    account: hex(owner.account),
    device: hex(owner.device),
    identityKey: hex(identity.publicKey),
    bundle,
    hash: hex(opened.bundle.hash),
    oneTimeKeys,
  };
}

async function callVector(crypto: CryptoProvider, withOneTimeKey: boolean) {
  const party = async () => ({
    account: crypto.random(32),
    device: crypto.random(16),
    identity: await crypto.generateSigningKey(),
  });
  const [caller, callee] = [await party(), await party()];
  const [prekey, oneTime, kem] = [
    await crypto.generateAgreementKey(),
    await crypto.generateAgreementKey(),
    await crypto.generateKem(),
  ];
  const [manifestHash, bundleHash, callId] = [crypto.random(32), crypto.random(32), crypto.random(16)];
  const made = await sealInvitation(
    crypto,
    caller,
    {
      account: callee.account,
      device: callee.device,
      identityKey: callee.identity.publicKey,
      signedPrekey: { keyId: 1, key: prekey.publicKey },
      lastResort: { keyId: 2, key: kem.publicKey },
      ...(withOneTimeKey && { oneTimeKey: { keyId: 3, key: oneTime.publicKey } }),
      bundleHash,
      manifest: { version: 9, hash: manifestHash },
    },
    { callId, offer: offer('caller'), sentAt: NOW, expiresAt: NOW + 45_000 },
  );
  if (!made.ok) throw new Error(made.reason);
  const keys = {
    signedPrekey: async () => ({ key: await crypto.restoreAgreementKey(prekey.stored!), bundleHashes: [bundleHash] }),
    oneTimeKey: async () => crypto.restoreAgreementKey(oneTime.stored!),
    kemKey: async () => kem,
    seen: async () => false,
    consume: async () => true,
  };
  const opened = await openInvitation(
    crypto,
    {
      self: callee,
      keys,
      judge: async () => ({ ok: true, identityKey: caller.identity.publicKey }),
      knowsOurManifest: async () => true,
      clocks: { local: NOW, server: NOW },
    },
    made.sealed,
  );
  if (!opened.ok) throw new Error(opened.reason);
  const answered = await sealAnswer(crypto, callee, opened.invitation, {
    offer: offer('callee'),
    sentAt: NOW + 3000,
    expiresAt: NOW + 48_000,
  });
  if (!answered.ok) throw new Error(answered.reason);
  const { secret, transcript } = answered.agreed;
  const nonces = concat(made.pending.nonce, answered.header.nonce);
  const derived = await deriveKeys(crypto, secret, 'caller', {
    nonces,
    callerAccount: caller.account,
    calleeAccount: callee.account,
  });
  const signal = await signalSender(crypto, derived.signal.send, callId, 'caller').seal(utf8('{"candidate":"host"}'));
  const spkiHash = (who: typeof caller) => crypto.sha256(spkiOf(who.identity.publicKey));
  return {
    caller: {
      account: hex(caller.account),
      device: hex(caller.device),
      identityScalar: scalar(caller.identity),
      identityKey: hex(caller.identity.publicKey),
    },
    callee: {
      account: hex(callee.account),
      device: hex(callee.device),
      identityScalar: scalar(callee.identity),
      identityKey: hex(callee.identity.publicKey),
      signedPrekey: { keyId: 1, scalar: scalar(prekey), key: hex(prekey.publicKey) },
      kem: { keyId: 2, seed: hex(kem.seed), key: hex(kem.publicKey) },
      oneTimeKey: withOneTimeKey ? { keyId: 3, scalar: scalar(oneTime), key: hex(oneTime.publicKey) } : null,
      bundleHash: hex(bundleHash),
      manifest: { version: 9, hash: hex(manifestHash) },
    },
    callId: hex(callId),
    callerNonce: hex(made.pending.nonce),
    sessionEphemeralScalar: scalar(made.pending.ephemeral),
    invitation: hex(made.sealed),
    exporter: hex(made.pending.exporter),
    invitationHash: hex(made.pending.hash),
    answer: hex(answered.sealed),
    transcript: hex(transcript),
    secret: hex(secret),
    confirm: {
      caller: hex(await confirmation(crypto, secret, transcript, 'caller', await spkiHash(caller))),
      callee: hex(await confirmation(crypto, secret, transcript, 'callee', await spkiHash(callee))),
    },
    relay: {
      caller: hex(await relayKey(crypto, secret, 'caller')),
      callee: hex(await relayKey(crypto, secret, 'callee')),
    },
    srtp: Object.fromEntries(
      Object.entries(derived.srtp).map(([stream, { send, receive }]) => [
        stream,
        { caller: hex(concat(send.key, send.salt)), callee: hex(concat(receive.key, receive.salt)) },
      ]),
    ),
    sframe: { caller: hex(derived.sframe.send), callee: hex(derived.sframe.receive) },
    signal: { caller: hex(derived.signal.send), callee: hex(derived.signal.receive), first: hex(signal!) },
    sas: derived.sas,
  };
}

/** A call of three: statements, rosters, one sender's batch. */
async function groupVector(crypto: CryptoProvider) {
  const callId = crypto.random(16);
  const person = async () => {
    const [identity, prekey] = [await crypto.generateSigningKey(), await crypto.generateAgreementKey()];
    const [account, device, participant] = [crypto.random(32), crypto.random(16), crypto.random(16)];
    return { account, device, participant, identity, prekey };
  };
  const people = [await person(), await person(), await person()];
  const [ada, ...guests] = people as [(typeof people)[number], ...typeof people];
  const judge = async (join: Join): Promise<PeerVerdict> => {
    const { identity } = people.find((who) => who.participant === join.participant)!;
    return { ok: true, identityKey: identity.publicKey };
  };
  const joinOf = (who: typeof ada, admission: Bytes): Join => {
    const { participant, account, device, prekey } = who;
    const manifest = { version: 2, hash: new Uint8Array(32).fill(2) };
    return { kind: 'join', participant, account, device, manifest, prekey: prekey.publicKey, admission };
  };
  const statements: { by: number; bytes: string; digest: string }[] = [];
  const note = async (who: typeof ada, statement: Statement, result: RosterResult, signature: Bytes) => {
    if (!result.ok) throw new Error(result.reason);
    const digest = hex(result.roster.digest);
    statements.push({ by: people.indexOf(who), bytes: hex(encodeStatement(callId, { statement, signature })), digest });
    return result.roster;
  };
  const first = joinOf(ada, NO_ADMISSION);
  const { signature } = await signStatement(ada.identity, callId, first);
  let roster = await note(
    ada,
    first,
    await startRoster(crypto, callId, { statement: first, signature }, judge),
    signature,
  );
  const step = async (who: typeof ada, statement: Statement) => {
    const signed = await signStatement(who.identity, callId, statement);
    roster = await note(who, statement, await applyStatement(crypto, roster, signed, judge), signed.signature);
  };
  for (const guest of guests) {
    const admit: Statement = {
      kind: 'admit',
      participant: ada.participant,
      account: guest.account,
      rosterDigest: roster.digest,
      nonce: crypto.random(16),
    };
    await step(ada, admit);
    await step(guest, joinOf(guest, await statementHash(crypto, callId, admit)));
  }
  const view = { epoch: 7, roster, hash: await epochHash(crypto, roster, 7) };
  const sender = roster.members.get(hex(ada.participant))!;
  const next = await crypto.generateAgreementKey();
  const { secret, batch } = await sealKeys(crypto, view, sender, ada.identity, { prekey: next.publicKey, number: 1 });
  const master = await groupSrtpMaster(crypto, callId, sender.name, 7, secret);
  return {
    callId: hex(callId),
    members: people.map((who) => ({
      account: hex(who.account),
      device: hex(who.device),
      participant: hex(who.participant),
      identityKey: hex(who.identity.publicKey),
      prekey: hex(who.prekey.publicKey),
      prekeyScalar: scalar(who.prekey),
    })),
    statements,
    epoch: 7,
    rosterHash: hex(view.hash),
    batch: hex(encodeBatch(batch)),
    secret: hex(secret),
    sframe: hex(await groupSFrameKey(crypto, callId, sender.name, 7, secret)),
    srtp: hex(concat(master.key, master.salt)),
    code: await groupCode(
      crypto,
      callId,
      await Promise.all(
        people.map(async (who) => ({
          account: who.account,
          spki: await crypto.sha256(spkiOf(who.identity.publicKey)),
        })),
      ),
    ),
  };
}

async function safetyVector() {
  const side = (byte: number, resets: number) => ({
    account: new Uint8Array(32).fill(byte),
    resets,
    head: { version: byte, hash: new Uint8Array(32).fill(byte + 100) },
  });
  const [a, b] = [side(2, 1), side(1, 0)];
  const text = ({ account, resets, head }: typeof a) => ({
    account: hex(account),
    resets,
    version: head.version,
    hash: hex(head.hash),
  });
  return { own: text(a), peer: text(b), number: await safetyNumber(nobleCrypto(), a, b), qr: hex(safetyQr(a, b)) };
}

export async function makeVectors(): Promise<object> {
  return {
    note: 'Made by test/crypto/make-vectors.ts. All private keys here are test keys, made from a fixed seed.',
    bundle: await bundleVector(fixedCrypto('bundle')),
    calls: [
      await callVector(fixedCrypto('call'), true),
      await callVector(fixedCrypto('call without one-time key'), false),
    ],
    group: await groupVector(fixedCrypto('group')),
    safety: await safetyVector(),
  };
}

if (import.meta.main) writeFileSync('test/vectors/call.json', `${JSON.stringify(await makeVectors(), null, 1)}\n`);
