import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/bytes/utf8.ts';
import { INVITE_HEADER_BYTES } from '../../src/sdk/crypto/header.ts';
import { nobleCrypto } from '../../src/sdk/crypto/noble.ts';
import { answerInvitation, createCaller } from '../../src/sdk/crypto/session.ts';
import { signalReceiver, signalSender } from '../../src/sdk/crypto/signal.ts';
import { webCrypto } from '../../src/sdk/crypto/webcrypto.ts';
import { CLOCKS, connect, good, invite, makeDevice, makePeople, NOW, offer, openAs, TIMES } from './people.ts';

const web = webCrypto();
const noble = nobleCrypto({ getRandomValues: crypto.getRandomValues.bind(crypto) });

describe.each([web, noble])('a call with $name', (crypto) => {
  it('ends in the same keys on both sides, each confirmed by the other', async () => {
    const people = await makePeople(crypto);
    const { callerSession, calleeSession } = await connect(people);
    const atCallee = good(await calleeSession.receive(callerSession.request()));
    const atCaller = good(await callerSession.receive(atCallee.reply!));
    expect(atCaller.answered).toBe(true);
    const [a, b] = [atCaller.keys, atCallee.keys];
    for (const stream of ['audio', 'video', 'screen'] as const) {
      expect(a.srtp[stream].send).toEqual(b.srtp[stream].receive);
      expect(a.srtp[stream].receive).toEqual(b.srtp[stream].send);
    }
    expect([a.sframe.send, a.signal.send]).toEqual([b.sframe.receive, b.signal.receive]);
    expect(a.sas).toBe(b.sas);
    expect(a.sas).toMatch(/^\d{4} \d{4}$/);
    const all = [a, b].flatMap(({ srtp, sframe, signal }) => [
      ...Object.values(srtp).map(({ send }) => send.key),
      sframe.send,
      signal.send,
    ]);
    expect(new Set(all.map(String)).size).toBe(all.length);
  });

  it('confirms whichever request arrives, and repeats change nothing', async () => {
    const { callerSession, calleeSession } = await connect(await makePeople(crypto));
    const atCaller = good(await callerSession.receive(calleeSession.request()));
    const atCallee = good(await calleeSession.receive(atCaller.reply!));
    expect(atCallee).toMatchObject({ answered: true, reply: null });
    const again = good(await calleeSession.receive(callerSession.request()));
    expect(again.keys).toBe(atCallee.keys);
    expect(again.keys.sas).toBe(atCaller.keys.sas);
  });
});

it('the two implementations call each other', async () => {
  const alice = await makeDevice(web, web.random(32));
  const bob = await makeDevice(noble, noble.random(32));
  const { callerSession, calleeSession } = await connect({ alice, bob });
  const { reply, keys } = good(await calleeSession.receive(callerSession.request()));
  expect(good(await callerSession.receive(reply!)).keys.sas).toBe(keys.sas);
});

describe('an invitation', () => {
  it('opens without a one-time key, and says so', async () => {
    const alice = await makeDevice(web, web.random(32));
    const bob = await makeDevice(web, web.random(32), 0);
    const { sealed } = await invite({ alice, bob });
    expect(good(await openAs(bob, alice, sealed)).invitation.usedOneTimeKey).toBe(false);
  });

  it('uses its one-time key up', async () => {
    const { alice, bob } = await makePeople(web);
    const { sealed } = await invite({ alice, bob });
    expect(bob.keys.oneTimeLeft()).toBe(1);
    expect(good(await openAs(bob, alice, sealed)).invitation.usedOneTimeKey).toBe(true);
    expect(bob.keys.oneTimeLeft()).toBe(0);
    const next = await invite({ alice, bob });
    expect(await openAs(bob, alice, next.sealed)).toEqual({ ok: false, reason: 'unknown-key' });
  });

  it('is padded to steps of 256 bytes', async () => {
    const { alice, bob } = await makePeople(web);
    const caller = createCaller(web, alice, web.random(16));
    const lengths = new Set<number>();
    for (let app = 0; app < 400; app += 40) {
      const text = 'A'.repeat(app);
      const made = good(await caller.invite(bob.recipient, { offer: { ...offer(alice), app: text }, ...TIMES }));
      lengths.add((made.sealed.length - INVITE_HEADER_BYTES - 16) % 256);
    }
    expect([...lengths]).toEqual([0]);
  });

  it('reads fields it does not know, unless they are a must', async () => {
    const { alice, bob } = await makePeople(web);
    const seal = async (extra: object) => {
      const caller = createCaller(web, alice, web.random(16));
      return good(await caller.invite({ ...bob.recipient }, { offer: { ...offer(alice), ...extra }, ...TIMES })).sealed;
    };
    expect(await openAs(bob, alice, await seal({ novel: 1, must: ['novel'] }))).toMatchObject({
      reason: 'unsupported',
    });
    expect(await openAs(bob, alice, await seal({ novel: 1 }))).toMatchObject({ ok: true });
  });

  it('refuses to be sealed to what is no bundle, or larger than a mailbox takes', async () => {
    const { alice, bob } = await makePeople(web);
    const caller = createCaller(web, alice, web.random(16));
    const bad = { ...bob.recipient, signedPrekey: { keyId: 1, key: new Uint8Array(65).fill(4) } };
    expect(await caller.invite(bad, { offer: offer(alice), ...TIMES })).toEqual({ ok: false, reason: 'bad-bundle' });
    const large = { ...offer(alice), transport: { sdp: 'x'.repeat(40_000) } };
    expect(await caller.invite(bob.recipient, { offer: large, ...TIMES })).toEqual({ ok: false, reason: 'too-large' });
  });

  it('opens nothing that is not one, whatever its bytes', async () => {
    const { alice, bob } = await makePeople(web);
    const { sealed } = await invite({ alice, bob });
    for (const bytes of [new Uint8Array(), sealed.slice(0, 2), sealed.slice(0, 1459), new Uint8Array(100_000)])
      expect((await openAs(bob, alice, bytes)).ok).toBe(false);
    for (let length = INVITE_HEADER_BYTES; length < sealed.length; length += 97)
      expect(await openAs(bob, alice, sealed.slice(0, length))).toEqual({ ok: false, reason: 'unauthentic' });
  });
});

describe('signals', () => {
  async function pair() {
    const [key, callId] = [web.random(32), web.random(16)];
    return {
      sender: signalSender(web, key, callId, 'caller'),
      receiver: signalReceiver(web, key, callId, 'caller'),
      reverse: signalReceiver(web, key, callId, 'callee'),
      elsewhere: signalReceiver(web, key, web.random(16), 'caller'),
    };
  }

  it('arrive in any order, each once', async () => {
    const { sender, receiver } = await pair();
    const sealed = await Promise.all(['one', 'two', 'three'].map((text) => sender.seal(utf8(text))));
    for (const i of [2, 0, 1]) expect((await receiver.open(sealed[i]!)).ok).toBe(true);
    for (const i of [2, 0, 1]) expect(await receiver.open(sealed[i]!)).toEqual({ ok: false, reason: 'replayed' });
    const both = (await sender.seal(utf8('four')))!;
    const results = await Promise.all([receiver.open(both), receiver.open(both)]);
    expect(results.filter((result) => result.ok)).toHaveLength(1);
  });

  it('open for nobody else and not when touched', async () => {
    const { sender, receiver, reverse, elsewhere } = await pair();
    const sealed = (await sender.seal(utf8('hello')))!;
    expect(await reverse.open(sealed)).toEqual({ ok: false, reason: 'reflected' });
    expect(await elsewhere.open(sealed)).toEqual({ ok: false, reason: 'other-call' });
    for (const at of [20, 27, 28, sealed.length - 1]) {
      const touched = sealed.slice();
      touched[at]! ^= 1;
      expect((await receiver.open(touched)).ok).toBe(false);
    }
    expect((await receiver.open(sealed.slice(0, 20))).ok).toBe(false);
    expect(await sender.seal(new Uint8Array(40_000))).toBeNull();
    expect((await receiver.open(sealed)).ok).toBe(true);
  });
});

it('an answer is not taken when it holds what may not be ignored and is not known', async () => {
  const { alice, bob } = await makePeople(web);
  const { caller, sealed } = await invite({ alice, bob });
  const { invitation } = good(await openAs(bob, alice, sealed));
  const novel = { ...offer(bob), novel: 1, must: ['novel'] };
  const answer = good(await answerInvitation(web, bob, invitation, { offer: novel, ...TIMES }));
  expect(await caller.answered(bob.device, answer.sealed, CLOCKS)).toEqual({ ok: false, reason: 'unsupported' });
});

it('an answer must be in time, too', async () => {
  const { alice, bob } = await makePeople(web);
  const { caller, sealed } = await invite({ alice, bob });
  const { invitation } = good(await openAs(bob, alice, sealed));
  const times = { sentAt: NOW, expiresAt: NOW + 60_000 };
  const answer = good(await answerInvitation(web, bob, invitation, { offer: offer(bob), ...times }));
  const late = { ...CLOCKS, server: NOW + 60_000 + 300_001 };
  expect(await caller.answered(bob.device, answer.sealed, late)).toEqual({ ok: false, reason: 'expired' });
});
