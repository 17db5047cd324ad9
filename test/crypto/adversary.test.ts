/** A server that lies. Each attack is one test; none may ring, connect to the wrong peer, weaken a suite or repeat a key. */
import { beforeEach, describe, expect, it } from 'vitest';
import { concat } from '../../src/bytes/join.ts';
import { sealBody } from '../../src/sdk/crypto/body.ts';
import { encodeContent } from '../../src/sdk/crypto/content.ts';
import type { InviteHeader } from '../../src/sdk/crypto/header.ts';
import { partyOf } from '../../src/sdk/crypto/invitation.ts';
import { LABEL } from '../../src/sdk/crypto/labels.ts';
import {
  ANSWER_HEADER_BYTES,
  decodeAnswer,
  decodeInvite,
  encodeAnswer,
  encodeInvite,
  INVITE_HEADER_BYTES,
} from '../../src/sdk/crypto/header.ts';
import { acceptPeer } from '../../src/sdk/crypto/peer.ts';
import type { PeerEvidence } from '../../src/sdk/crypto/peer.ts';
import { spkiOf } from '../../src/sdk/crypto/point.ts';
import { answerInvitation, createCaller } from '../../src/sdk/crypto/session.ts';
import { webCrypto } from '../../src/sdk/crypto/webcrypto.ts';
import type { AgreementKey } from '../../src/sdk/crypto/provider.ts';
import type { Device, People } from './people.ts';
import { CLOCKS, connect, good, invite, makeDevice, makePeople, NOW, offer, openAs, TIMES } from './people.ts';

const crypto = webCrypto();
let people: People;
beforeEach(async () => {
  people = await makePeople(crypto);
});

const no = (reason: string) => ({ ok: false, reason });
const flip = (bytes: Uint8Array, at: number) => {
  const changed = bytes.slice();
  changed[at]! ^= 1;
  return changed;
};

/** Bob without his used one-time key, so that he can be invited again. */
async function fresh({ alice, bob, bobTablet }: People): Promise<People> {
  const { oneTimeKey: _used, ...recipient } = bob.recipient;
  return { alice, bob: { ...bob, recipient }, bobTablet };
}

/** An invitation by Alice herself, with the content of another header than the one it is sealed under. */
async function forge({ alice, bob }: People, inside: (header: InviteHeader) => InviteHeader): Promise<Uint8Array> {
  const [e, sc] = [await crypto.generateAgreementKey(), await crypto.generateAgreementKey()];
  const { recipient: to } = bob;
  const kem = (await crypto.encapsulate(to.lastResort.key))!;
  const header = {
    callId: crypto.random(16),
    messageId: crypto.random(16),
    sender: await partyOf(crypto, alice, alice.identity.publicKey),
    recipient: await partyOf(crypto, bob, bob.identity.publicKey),
    signedPrekeyId: 1,
    oneTimeKeyId: 0,
    kemKeyId: 2,
    ephemeral: e.publicKey,
    kemCiphertext: kem.ciphertext,
    commitment: crypto.random(32),
    view: { manifestVersion: 4, manifestHash: to.manifest.hash, bundleHash: to.bundleHash },
  };
  const encoded = encodeInvite(header);
  const ikm = concat((await e.agree(to.signedPrekey.key))!, kem.secret);
  const key = await crypto.hkdf(ikm, await crypto.sha256(encoded), LABEL.sealKey, 32);
  const content = encodeContent(inside(header), offer(alice), TIMES, sc.publicKey);
  const { identity } = alice;
  return concat(
    encoded,
    await sealBody(crypto, { key, domain: LABEL.sealSignature, header: encoded, content, identity }),
  );
}

describe('an invitation', () => {
  it('for one device does not open on another of the same account', async () => {
    const { sealed } = await invite(people);
    expect(await openAs(people.bobTablet, people.alice, sealed)).toEqual(no('not-for-us'));
  });

  it('whose body was swapped with that for another device does not open', async () => {
    const phone = (await invite(people)).sealed;
    const tablet = (await invite(people, people.bobTablet.recipient)).sealed;
    const swapped = concat(phone.slice(0, INVITE_HEADER_BYTES), tablet.slice(INVITE_HEADER_BYTES));
    expect(await openAs(people.bob, people.alice, swapped)).toEqual(no('unauthentic'));
  });

  it('with any byte of its header or body changed does not open', async () => {
    const { sealed } = await invite(people);
    for (let at = 0; at < sealed.length; at += at < INVITE_HEADER_BYTES ? 11 : 61) {
      const result = await openAs(people.bob, people.alice, flip(sealed, at));
      expect(result.ok, `byte ${at}`).toBe(false);
    }
    expect((await openAs(people.bob, people.alice, sealed)).ok).toBe(true);
  });

  it('rings once, however often and however concurrently it is delivered', async () => {
    const { sealed } = await invite(people);
    const copies = await Promise.all([1, 2, 3].map(() => openAs(people.bob, people.alice, sealed)));
    expect(copies.filter((result) => result.ok)).toHaveLength(1);
    expect(await openAs(people.bob, people.alice, sealed)).toEqual(no('replayed'));
  });

  it('rings once even where it used no one-time key', async () => {
    const bob = await makeDevice(crypto, people.bob.account, 0);
    const { sealed } = await invite({ alice: people.alice, bob });
    expect((await openAs(bob, people.alice, sealed)).ok).toBe(true);
    expect(await openAs(bob, people.alice, sealed)).toEqual(no('replayed'));
  });

  it('that failed uses nothing up', async () => {
    const { sealed } = await invite(people);
    await openAs(people.bob, people.alice, flip(sealed, sealed.length - 1));
    expect(people.bob.keys.oneTimeLeft()).toBe(1);
    expect((await openAs(people.bob, people.alice, sealed)).ok).toBe(true);
  });

  it('is not sealed to a bundle whose KEM key was stripped, shortened or emptied', async () => {
    const { alice, bob } = people;
    const caller = createCaller(crypto, alice, crypto.random(16));
    for (const key of [new Uint8Array(), bob.recipient.lastResort.key.slice(1), new Uint8Array(1184).fill(0xff)]) {
      const to = { ...bob.recipient, lastResort: { keyId: 2, key } };
      expect(await caller.invite(to, { offer: offer(alice), ...TIMES })).toEqual(no('bad-bundle'));
    }
  });

  it('with a foreign encapsulation fails like any other: one error, no hint', async () => {
    const { sealed } = await invite(people);
    const { header } = good(decodeInvite(sealed));
    const kem = (await crypto.encapsulate(people.bob.recipient.lastResort.key))!;
    const changed = encodeInvite({ ...header, kemCiphertext: kem.ciphertext });
    const forged = concat(changed, sealed.slice(INVITE_HEADER_BYTES));
    expect(await openAs(people.bob, people.alice, forged)).toEqual(no('unauthentic'));
  });

  it('of a lower version or suite is refused before any key is touched', async () => {
    const { sealed } = await invite(people);
    for (const at of [0, 1]) {
      const keys = { ...people.bob.keys, signedPrekey: () => Promise.reject(new Error('touched')) };
      expect(await openAs(people.bob, people.alice, flip(sealed, at), { keys })).toEqual(no('unsupported'));
    }
  });

  it('made by somebody who saw another device list of ours rings nothing and raises an alarm', async () => {
    const ghost = { ...people.bob.recipient, manifest: { version: 5, hash: crypto.random(32) } };
    const { sealed } = await invite(people, ghost);
    const result = await openAs(people.bob, people.alice, sealed);
    expect(result).toEqual({ ok: false, reason: 'unknown-manifest', alarm: true });
  });

  it('made from a bundle we never published raises an alarm', async () => {
    const { sealed } = await invite(people, { ...people.bob.recipient, bundleHash: crypto.random(32) });
    const result = await openAs(people.bob, people.alice, sealed);
    expect(result).toEqual({ ok: false, reason: 'unknown-bundle', alarm: true });
  });

  it.each([
    ['the local clock', { local: NOW + 60_000 + 300_001, server: NOW }],
    ["the server's clock", { local: NOW, server: NOW + 60_000 + 300_001 }],
  ])('that is old by %s is refused', async (_name, clocks) => {
    const { sealed } = await invite(people);
    expect(await openAs(people.bob, people.alice, sealed, { clocks })).toEqual(no('expired'));
  });

  it('dated ahead of either clock is refused', async () => {
    const { sealed } = await invite(people);
    for (const clocks of [
      { local: NOW - 300_001, server: NOW },
      { local: NOW, server: NOW - 300_001 },
    ])
      expect(await openAs(people.bob, people.alice, sealed, { clocks })).toEqual(no('future-dated'));
  });

  it('that claims to live longer than two minutes is refused', async () => {
    const { sealed } = await invite(people, people.bob.recipient, { sentAt: NOW, expiresAt: NOW + 120_001 });
    expect(await openAs(people.bob, people.alice, sealed)).toEqual(no('valid-too-long'));
  });

  it('signed by another key than the one the header names is refused', async () => {
    const mallory = await makeDevice(crypto, people.alice.account);
    const { sealed } = await invite({ alice: { ...mallory, device: people.alice.device }, bob: people.bob });
    expect(await openAs(people.bob, people.alice, sealed)).toEqual(no('wrong-key'));
    const judge = async () => ({ ok: true as const, identityKey: people.alice.identity.publicKey });
    expect(await openAs(people.bob, people.alice, sealed, { judge })).toEqual(no('wrong-key'));
  });

  it('whose signature was made by somebody else than the named key does not pass', async () => {
    const mallory = await makeDevice(crypto, people.alice.account);
    const identity = { publicKey: people.alice.identity.publicKey, sign: mallory.identity.sign };
    const { sealed } = await invite({ alice: { ...people.alice, identity }, bob: people.bob });
    expect(await openAs(people.bob, people.alice, sealed)).toEqual(no('unauthentic'));
  });

  it('whose signed inside is about another call or device than its outside is refused', async () => {
    for (const name of ['callId', 'messageId', 'sender', 'recipient'] as const) {
      const other =
        name === 'callId' || name === 'messageId'
          ? crypto.random(16)
          : await partyOf(crypto, people.bobTablet, people.bob.identity.publicKey);
      const sealed = await forge(people, (header) => ({ ...header, [name]: other }));
      expect(await openAs(people.bob, people.alice, sealed)).toEqual(no('wrong-ids'));
    }
    expect((await openAs(people.bob, people.alice, await forge(people, (header) => header))).ok).toBe(true);
  });

  it('cannot be passed on to a third person as if it were for them', async () => {
    const carol = await makeDevice(crypto, crypto.random(32));
    const { sealed } = await invite(people);
    const { header } = good(decodeInvite(sealed));
    const recipient = {
      account: carol.account,
      device: carol.device,
      spki: await crypto.sha256(spkiOf(carol.identity.publicKey)),
    };
    const forged = concat(encodeInvite({ ...header, recipient }), sealed.slice(INVITE_HEADER_BYTES));
    expect(await openAs(carol, people.alice, forged)).toEqual(no('unauthentic'));
  });
});

describe("a peer's key", () => {
  const changes: [string, string, (evidence: PeerEvidence) => Partial<PeerEvidence>][] = [
    [
      'a path to another root',
      'untrusted-certificate',
      ({ certificate }) => ({ certificate: { ...certificate, pathValid: false } }),
    ],
    ['a revoked certificate', 'revoked', () => ({ revoked: true })],
    [
      'another account in the SAN',
      'wrong-account',
      ({ certificate }) => ({ certificate: { ...certificate, account: new Uint8Array(32) } }),
    ],
    [
      'another device in the SAN',
      'wrong-device',
      ({ certificate }) => ({ certificate: { ...certificate, device: new Uint8Array(16) } }),
    ],
    ['no entry in the manifest', 'not-in-manifest', () => ({ manifestKey: null })],
    [
      'another key in the manifest',
      'wrong-key',
      ({ certificate }) => ({ manifestKey: certificate.spki.map((byte, i) => byte ^ Number(i === 90)) }),
    ],
    ["somebody else's handle", 'wrong-handle', () => ({ handleAccount: new Uint8Array(32) })],
  ];

  it.each(changes)('with %s is refused as %s', async (_name, reason, change) => {
    const { alice, bob } = people;
    const evidence = { ...alice.evidence, ...change(alice.evidence) };
    const { sealed } = await invite(people);
    const result = await openAs(bob, alice, sealed, { judge: (sender) => acceptPeer(crypto, sender, evidence) });
    expect(result).toEqual(no(reason));
  });

  it('with a swapped certificate of the same account is refused, though manifest and certificate agree', async () => {
    const other = await makeDevice(crypto, people.alice.account);
    const { sealed } = await invite(people);
    const evidence = { ...other.evidence, certificate: { ...other.evidence.certificate, device: people.alice.device } };
    const judge = (sender: Parameters<typeof acceptPeer>[1]) => acceptPeer(crypto, sender, evidence);
    expect(await openAs(people.bob, people.alice, sealed, { judge })).toEqual(no('wrong-key'));
  });
});

describe('an answer', () => {
  it('made by the server itself is refused: it has no identity key', async () => {
    const { alice, bob } = people;
    const { caller, sealed } = await invite(people);
    const { invitation } = good(await openAs(bob, alice, sealed));
    const server = await makeDevice(crypto, bob.account);
    const posing = { ...server, device: bob.device };
    const self = { ...posing, identity: { publicKey: bob.identity.publicKey, sign: server.identity.sign } };
    const own = good(
      await answerInvitation(
        crypto,
        posing,
        { ...invitation, exporter: crypto.random(32) },
        { offer: offer(server), ...TIMES },
      ),
    );
    expect(await caller.answered(bob.device, own.sealed, CLOCKS)).toEqual(no('wrong-sender'));
    const posed = good(await answerInvitation(crypto, self, invitation, { offer: offer(server), ...TIMES }));
    expect(await caller.answered(bob.device, posed.sealed, CLOCKS)).toEqual(no('unauthentic'));
  });

  it('of one device is not taken for that of another', async () => {
    const { alice, bob, bobTablet } = people;
    const caller = createCaller(crypto, alice, crypto.random(16));
    const phone = good(await caller.invite(bob.recipient, { offer: offer(alice), ...TIMES }));
    good(await caller.invite(bobTablet.recipient, { offer: offer(alice), ...TIMES }));
    const { invitation } = good(await openAs(bob, alice, phone.sealed));
    const { sealed } = good(await answerInvitation(crypto, bob, invitation, { offer: offer(bob), ...TIMES }));
    expect(await caller.answered(bobTablet.device, sealed, CLOCKS)).toEqual(no('wrong-sender'));
    expect(await caller.answered(crypto.random(16), sealed, CLOCKS)).toEqual(no('not-invited'));
    expect((await caller.answered(bob.device, sealed, CLOCKS)).ok).toBe(true);
  });

  it('addressed to somebody else is refused, though the invited device made it', async () => {
    const { caller, sealed } = await invite(people);
    const { invitation } = good(await openAs(people.bob, people.alice, sealed));
    const header = { ...invitation.header, sender: { ...invitation.header.sender, device: crypto.random(16) } };
    const input = { offer: offer(people.bob), ...TIMES };
    const answer = good(await answerInvitation(crypto, people.bob, { ...invitation, header }, input));
    expect(await caller.answered(people.bob.device, answer.sealed, CLOCKS)).toEqual(no('not-for-us'));
  });

  it('whose signed inside is about another message than its outside is refused', async () => {
    const { caller, sealed } = await invite(people);
    const { invitation } = good(await openAs(people.bob, people.alice, sealed));
    const sd = await crypto.generateAgreementKey();
    const header = {
      callId: invitation.header.callId,
      messageId: crypto.random(16),
      sender: invitation.header.recipient,
      recipient: invitation.header.sender,
      invitation: invitation.hash,
      ephemeral: sd.publicKey,
      nonce: crypto.random(32),
    };
    const encoded = encodeAnswer(header);
    const ikm = concat((await sd.agree(invitation.content.ephemeral))!, invitation.exporter);
    const key = await crypto.hkdf(ikm, await crypto.sha256(encoded), LABEL.answerKey, 32);
    const seal = async (inside: typeof header) => {
      const content = encodeContent(inside, offer(people.bob), TIMES);
      const { identity } = people.bob;
      return concat(
        encoded,
        await sealBody(crypto, { key, domain: LABEL.answerSignature, header: encoded, content, identity }),
      );
    };
    const lying = await seal({ ...header, messageId: crypto.random(16) });
    expect(await caller.answered(people.bob.device, lying, CLOCKS)).toEqual(no('wrong-ids'));
    expect((await caller.answered(people.bob.device, await seal(header), CLOCKS)).ok).toBe(true);
  });

  it('to an earlier call is refused in the next one', async () => {
    const first = await connect(people);
    const second = await invite(people);
    expect(await second.caller.answered(people.bob.device, first.answer, CLOCKS)).toEqual(no('wrong-invitation'));
  });

  it('with any byte changed is refused', async () => {
    const { alice, bob } = people;
    const { caller, sealed } = await invite(people);
    const { invitation } = good(await openAs(bob, alice, sealed));
    const answer = good(await answerInvitation(crypto, bob, invitation, { offer: offer(bob), ...TIMES })).sealed;
    for (let at = 0; at < answer.length; at += at < ANSWER_HEADER_BYTES ? 7 : 61)
      expect((await caller.answered(bob.device, flip(answer, at), CLOCKS)).ok, `byte ${at}`).toBe(false);
    expect(await caller.answered(bob.device, flip(answer, 1), CLOCKS)).toEqual(no('unsupported'));
    expect((await caller.answered(bob.device, answer, CLOCKS)).ok).toBe(true);
    expect(await caller.answered(bob.device, answer, CLOCKS)).toMatchObject({ ok: false });
  });

  it('of a second device is opened but never confirmed: one talker per call', async () => {
    const { alice, bob, bobTablet } = people;
    const caller = createCaller(crypto, alice, crypto.random(16));
    for (const device of [bob, bobTablet]) {
      const made = good(await caller.invite(device.recipient, { offer: offer(alice), ...TIMES }));
      const { invitation } = good(await openAs(device, alice, made.sealed));
      const answer = good(await answerInvitation(crypto, device, invitation, { offer: offer(device), ...TIMES }));
      good(await caller.answered(device.device, answer.sealed, CLOCKS));
    }
    const both = await Promise.all([caller.confirm(bob.device), caller.confirm(bobTablet.device)]);
    expect(both.map((result) => result.ok)).toEqual([true, false]);
    expect(await caller.confirm(bobTablet.device)).toEqual(no('already-confirmed'));
  });
});

describe('a confirmation', () => {
  it('reflected to its sender confirms nothing', async () => {
    const { callerSession, calleeSession } = await connect(people);
    expect(await callerSession.receive(callerSession.request())).toEqual(no('reflected'));
    expect(await calleeSession.receive(calleeSession.request())).toEqual(no('reflected'));
  });

  it('of another call, even between the same devices, confirms nothing', async () => {
    const first = await connect(people);
    const again = await makePeople(crypto);
    const second = await connect(again);
    expect(await second.calleeSession.receive(first.callerSession.request())).toEqual(no('other-call'));
  });

  it('with any byte changed confirms nothing', async () => {
    const { callerSession, calleeSession } = await connect(people);
    const request = callerSession.request();
    for (let at = 0; at < request.length; at++)
      expect((await calleeSession.receive(flip(request, at))).ok, `byte ${at}`).toBe(false);
    expect((await calleeSession.receive(request)).ok).toBe(true);
  });

  it('is void when the two sides saw different answers', async () => {
    const { alice, bob } = people;
    const { caller, sealed } = await invite(people);
    const { invitation } = good(await openAs(bob, alice, sealed));
    const twice = { ...invitation, exporter: invitation.exporter.slice() };
    const first = good(await answerInvitation(crypto, bob, invitation, { offer: offer(bob), ...TIMES }));
    const second = good(await answerInvitation(crypto, bob, twice, { offer: offer(bob), ...TIMES }));
    good(await caller.answered(bob.device, second.sealed, CLOCKS));
    const { session } = good(await caller.confirm(bob.device));
    expect(await first.session.receive(session.request())).toEqual(no('unauthentic'));
    expect((await second.session.receive(session.request())).ok).toBe(true);
  });

  it('needs both its MAC and its integrity, each under a key of its own', async () => {
    for (const confirmation of [true, false]) {
      const hmacSha256: typeof crypto.hmacSha256 = async (key, data) =>
        (data.length === 65) === confirmation ? crypto.random(32) : crypto.hmacSha256(key, data);
      const bob = { ...people.bob, crypto: { ...crypto, hmacSha256 } };
      const { callerSession, calleeSession } = await connect(await fresh({ ...people, bob }));
      expect(await callerSession.receive(calleeSession.request())).toEqual(no('unauthentic'));
    }
  });

  it('of a caller that reveals another nonce than it committed to is refused: the comparison code cannot be ground', async () => {
    const sha256: typeof crypto.sha256 = async (data) => (data.length === 32 ? crypto.random(32) : crypto.sha256(data));
    const alice = { ...people.alice, crypto: { ...crypto, sha256 } };
    const { callerSession, calleeSession } = await connect({ ...people, alice });
    expect(await calleeSession.receive(callerSession.request())).toEqual(no('wrong-commitment'));
  });

  it('counts no more once the call has ended', async () => {
    const { callerSession, calleeSession } = await connect(people);
    calleeSession.erase();
    expect(await calleeSession.receive(callerSession.request())).toEqual(no('ended'));
  });
});

it('every ephemeral of a call is erased by the time both sides have its keys', async () => {
  const made: AgreementKey[] = [];
  const recording = {
    ...crypto,
    async generateAgreementKey() {
      const key = await crypto.generateAgreementKey();
      made.push(key);
      return key;
    },
  };
  const [alice, bob] = [people.alice, people.bob].map((who) => ({ ...who, crypto: recording })) as [Device, Device];
  await connect({ alice, bob });
  expect(made).toHaveLength(3);
  const other = await crypto.generateAgreementKey();
  for (const key of made) expect(await key.agree(other.publicKey)).toBeNull();
});

it('what was recorded stays closed to whoever later seizes a device', async () => {
  const { alice, bob } = people;
  const { sealed, answer, caller } = await connect(people);
  expect(await openAs(bob, alice, sealed, { keys: { ...bob.keys, seen: async () => false } })).toEqual(
    no('unknown-key'),
  );
  expect(await caller.answered(bob.device, answer, CLOCKS)).toEqual(no('not-invited'));
  expect(decodeAnswer(answer).ok).toBe(true);
});
