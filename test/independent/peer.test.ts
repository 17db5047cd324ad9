/** Our constructions against the second implementation in peer.mjs: vectors recomputed, and calls made in both directions. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromHex, hex } from '../../src/bytes/hex.ts';
import type { SessionKeys } from '../../src/sdk/crypto/schedule.ts';
import { answerInvitation, createCaller } from '../../src/sdk/crypto/session.ts';
import { nobleCrypto } from '../../src/sdk/crypto/noble.ts';
import { makeVectors } from '../crypto/make-vectors.ts';
import type { Device } from '../crypto/people.ts';
import { type Json, type Second, startSecond } from './second.ts';
import { CLOCKS, good, makeDevice, NOW, offer, openAs, TIMES } from '../crypto/people.ts';

type Vectors = { bundle: Json; calls: Json[]; group: Json; safety: Json };
const vectors = JSON.parse(readFileSync('test/vectors/call.json', 'utf8')) as Vectors;

let second: Second;
beforeAll(() => {
  second = startSecond();
});
afterAll(() => second.stop());
const ask = (command: Json) => second.ask(command);

describe('the vectors', () => {
  it('are what the code makes today', async () => {
    expect(await makeVectors()).toEqual(vectors);
  });

  it('of a bundle are what the second implementation computes', async () => {
    const { hash } = vectors.bundle;
    expect(await ask({ do: 'bundle', vector: vectors.bundle })).toEqual({ signed: true, hash, places: true });
  });

  it.each([0, 1])('of call %d are what the second implementation computes', async (index) => {
    const vector = vectors.calls[index]!;
    const result = await ask({ do: 'recompute', vector });
    const { committed, signalText, signal, ...same } = result;
    expect(vector).toMatchObject(same);
    expect(vector['signal']).toMatchObject(signal as Json);
    expect([committed, signalText]).toEqual([true, '{"candidate":"host"}']);
  });
});

describe('the vectors of groups and numbers', () => {
  it('of a group are what the second implementation computes', async () => {
    const { rosterHash, secret, sframe, srtp, code } = vectors.group;
    expect(await ask({ do: 'group', vector: vectors.group })).toEqual({
      statements: true,
      digests: [true, true, true, true, true],
      rosterHash,
      head: true,
      signed: true,
      committed: true,
      secrets: [secret, secret],
      sframe,
      srtp,
      code,
    });
  });

  it('of a safety number are what the second implementation computes', async () => {
    const { number, qr } = vectors.safety;
    expect(await ask({ do: 'safety', vector: vectors.safety })).toEqual({ number, qr });
  });
});

describe('a call with the second implementation', () => {
  const crypto = nobleCrypto();

  async function describeDevice(device: Device): Promise<Json> {
    const { recipient, keys, identity } = device;
    const [prekey, oneTime, kem] = [await keys.signedPrekey(1), await keys.oneTimeKey(100), await keys.kemKey(2)];
    const scalar = (stored: unknown) => hex((stored as { scalar: Uint8Array }).scalar);
    return {
      account: hex(device.account),
      device: hex(device.device),
      identityScalar: scalar(identity.stored),
      identityKey: hex(identity.publicKey),
      signedPrekey: { keyId: 1, key: hex(recipient.signedPrekey.key), scalar: scalar(prekey!.key.stored) },
      kem: { keyId: 2, seed: hex(kem!.seed), key: hex(kem!.publicKey) },
      oneTimeKey: { keyId: 100, key: hex(recipient.oneTimeKey!.key), scalar: scalar(oneTime!.stored) },
      bundleHash: hex(recipient.bundleHash),
      manifest: { version: recipient.manifest.version, hash: hex(recipient.manifest.hash) },
    };
  }

  const masters = (keys: SessionKeys) => {
    const { send, receive } = keys.srtp.video;
    return [send, receive].map((master) => hex(master.key) + hex(master.salt));
  };
  const bytes = (result: Json, name: string) => fromHex(result[name] as string)!;
  type Theirs = { sas: string; srtp: { video: { caller: string; callee: string } } };

  it('that calls us ends in the same keys', async () => {
    const [alice, bob] = [await makeDevice(crypto, crypto.random(32)), await makeDevice(crypto, crypto.random(32))];
    const [caller, callee] = [await describeDevice(alice), await describeDevice(bob)];
    const invited = await ask({ do: 'invite', caller, callee, callId: hex(crypto.random(16)), now: NOW });
    const { invitation } = good(await openAs(bob, alice, bytes(invited, 'sealed')));
    const answer = good(await answerInvitation(crypto, bob, invitation, { offer: offer(bob), ...TIMES }));
    await ask({ do: 'answered', sealed: hex(answer.sealed) });
    const ours = good(await answer.session.receive(bytes(await ask({ do: 'request' }), 'datagram')));
    const theirs = await ask({ do: 'receive', datagram: hex(ours.reply!) });
    const { sas, srtp } = theirs['keys'] as Theirs;
    expect([ours.keys.sas, ...masters(ours.keys)]).toEqual([sas, srtp.video.callee, srtp.video.caller]);
  });

  it('that we call ends in the same keys', async () => {
    const [alice, bob] = [await makeDevice(crypto, crypto.random(32)), await makeDevice(crypto, crypto.random(32))];
    const [caller, callee] = [await describeDevice(alice), await describeDevice(bob)];
    const side = createCaller(crypto, alice, crypto.random(16));
    const { sealed } = good(await side.invite(bob.recipient, { offer: offer(alice), ...TIMES }));
    const answered = await ask({ do: 'answer', sealed: hex(sealed), caller, callee, now: NOW });
    good(await side.answered(bob.device, bytes(answered, 'sealed'), CLOCKS));
    const { session } = good(await side.confirm(bob.device));
    const theirs = await ask({ do: 'receive', datagram: hex(session.request()) });
    const ours = good(await session.receive(bytes(theirs, 'reply')));
    const { sas, srtp } = theirs['keys'] as Theirs;
    expect(ours.answered).toBe(true);
    expect([ours.keys.sas, ...masters(ours.keys)]).toEqual([sas, srtp.video.caller, srtp.video.callee]);
  });
});
