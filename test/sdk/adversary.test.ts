/**
 * The SDK against a server that lies: real devices on a real deployment, with everything that one of them hears and says in
 * the liar's hands. No lie gets a call connected to the wrong peer, a suite lowered or a key repeated.
 * The constructions themselves are attacked in test/crypto/adversary.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { base64url, fromBase64url } from '../../src/bytes/base64url.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import { type Call, CallsignError, webCrypto } from '../../src/sdk/index.ts';
import { type Device, found, until, within } from './suite/cast.ts';
import { casting } from './suite/casting.ts';
import { type Liar, liar, type Wire } from './suite/lies.ts';

const stage = casting();

const liedTo = async (who: Liar) => stage.cast.person({ config: await stage.cast.config(who.config) });

async function verdict(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof CallsignError) return `${error.code}/${error.reason}`;
    throw error;
  }
  return 'believed';
}

const flipped = (text: string, at: number): string => {
  const bytes = fromBase64url(text)!;
  bytes[at < 0 ? bytes.length + at : at]! ^= 1;
  return base64url(bytes);
};

/** What the directory says of Bob, rewritten for Alice. */
const ofLookups = (rewrite: (found: Wire) => void): Liar =>
  liar({
    answer(path, answer) {
      if (path === '/v1/lookups') for (const result of answer.results) if (result.found) rewrite(result);
      return answer;
    },
  });

async function dropped(device: Device, reason: string): Promise<void> {
  await until(() => device.suspicions.some((one) => one.endsWith(reason)), `suspicion ${reason}`);
  expect(device.rings).toEqual([]);
}

async function ended(call: Call): Promise<string> {
  return (await within(call.next('ended'), 'the end')).reason;
}

describe('a lookup', () => {
  it("with another person's certificate for a device is not believed", async () => {
    const mallory = await stage.cast.person();
    const alice = await liedTo(
      ofLookups(({ devices }) => {
        devices[0].certificate = mallory.device.client.identity.chain.map((der) => base64url(der));
      }),
    );
    const bob = await stage.cast.person();
    expect(await verdict(found(alice.device, bob.handle))).toBe('verification/device-certificate');
  });

  it("with another person's bundle is not believed", async () => {
    const mallory = await stage.cast.person();
    const reader = await stage.cast.person();
    let foreign: Wire = null;
    const spy = await liedTo(ofLookups(({ devices }) => (foreign = devices[0].bundle)));
    await found(spy.device, mallory.handle);
    expect(foreign).not.toBeNull();
    const alice = await liedTo(ofLookups(({ devices }) => (devices[0].bundle = foreign)));
    expect(await verdict(found(alice.device, reader.handle))).toMatch(/^verification\/device-bundle/);
  });

  it('with a prekey of its own under the old signature is not believed', async () => {
    const own = await webCrypto().generateAgreementKey();
    const bob = await stage.cast.person();
    const alice = await liedTo(
      ofLookups(({ devices }) => (devices[0].bundle.signedPrekey.key = base64url(own.publicKey))),
    );
    expect(await verdict(found(alice.device, bob.handle))).toBe('verification/device-bundle-signature-invalid');
  });

  it.each([
    ['without the KEM key', (bundle: Wire) => delete bundle.lastResort],
    ['with an empty KEM key', (bundle: Wire) => (bundle.lastResort.key = '')],
    ['with a KEM key of its own', (bundle: Wire) => (bundle.lastResort.key = flipped(bundle.lastResort.key, 9))],
    ['of an older suite', (bundle: Wire) => (bundle.suite = 'p256')],
  ])('%s is not believed: the suite is not lowered', async (_, rewrite) => {
    const bob = await stage.cast.person();
    const alice = await liedTo(ofLookups(({ devices }) => rewrite(devices[0].bundle)));
    expect(await verdict(found(alice.device, bob.handle))).toMatch(/^(verification|protocol)\//);
  });

  it('that lists a device in a manifest which no device of the account signed is not believed', async () => {
    const mallory = await stage.cast.person();
    const bob = await stage.cast.person();
    const alice = await liedTo(
      ofLookups((result) => {
        const last = result.manifests.at(-1);
        const payload = JSON.parse(new TextDecoder().decode(fromBase64url(last.payload)!));
        const ghost = { ...payload.devices[0], id: mallory.device.client.identity.device };
        const forged = base64url(utf8(JSON.stringify({ ...payload, devices: [...payload.devices, ghost] })));
        result.manifests[result.manifests.length - 1] = { ...last, payload: forged };
      }),
    );
    expect(await verdict(found(alice.device, bob.handle))).toMatch(/^verification\/manifest-/);
  });

  it('that goes back to an older manifest than the one seen before is not believed', async () => {
    const bob = await stage.cast.person();
    let rewind = false;
    const alice = await liedTo(
      ofLookups((result) => {
        if (rewind) result.manifests = [];
      }),
    );
    await found(alice.device, bob.handle);
    await stage.cast.another(bob.device);
    rewind = true;
    expect(await verdict(found(alice.device, bob.handle))).toBe('verification/device-certificate');
  });

  it('answered with another person altogether is not believed, though everything about that person is true', async () => {
    const mallory = await stage.cast.person();
    const bob = await stage.cast.person();
    let whole: Wire = null;
    const spy = await liedTo(ofLookups((result) => (whole = structuredClone(result))));
    await found(spy.device, mallory.handle);
    const alice = await liedTo(ofLookups((result) => Object.assign(result, whole, { handle: result.handle })));
    expect(await verdict(found(alice.device, bob.handle))).toBe('verification/handle-handle');
  });

  it('that hides a device is told apart from a person who has one device less', async () => {
    const bob = await stage.cast.person();
    const tablet = await stage.cast.another(bob.device);
    const alice = await liedTo(
      ofLookups((result) => {
        result.devices = result.devices.filter(({ device }: Wire) => device !== tablet.client.identity.device);
      }),
    );
    const peer = await found(alice.device, bob.handle);
    expect(peer.absent).toEqual([tablet.client.identity.device]);
  });

  it('that is an old answer once more gives no second call the same keys', async () => {
    const bob = await stage.cast.person();
    let answer: Wire = null;
    const alice = await liedTo(
      ofLookups((result) => {
        if (result.handle !== bob.handle) return;
        if (answer) Object.assign(result, answer, { manifests: [] });
        answer ??= structuredClone(result);
      }),
    );
    const one = alice.device.client.call(await found(alice.device, bob.handle));
    const first = await bob.device.ring();
    first.accept();
    const { keys } = await within(one.next('media'), 'media');
    const seen = [keys.sas, base64url(keys.signal.send)];
    one.hangup();
    await Promise.all([ended(one), ended(first)]);
    const two = alice.device.client.call(await found(alice.device, bob.handle));
    await until(
      () => bob.device.suspicions.length > 0 || bob.device.rings.some(({ phase }) => phase !== 'ended'),
      'what becomes of it',
    );
    bob.device.rings.find(({ phase }) => phase !== 'ended')?.accept();
    const outcome = await within(
      Promise.race([two.next('media').then(({ keys: again }) => again), two.next('ended')]),
      '',
    );
    const again = 'sas' in outcome ? [outcome.sas, base64url(outcome.signal.send)] : [outcome.reason];
    for (const key of seen) expect(again).not.toContain(key);
  });
});

describe('an invitation', () => {
  it('whose body was swapped with that for another device rings neither', async () => {
    const bob = await stage.cast.person();
    const tablet = await stage.cast.another(bob.device);
    const alice = await liedTo(
      liar({
        verb(verb) {
          if (verb.verb !== 'invite') return verb;
          const [one, two] = verb.legs;
          return {
            ...verb,
            legs: [
              { ...one, body: two.body },
              { ...two, body: one.body },
            ],
          };
        },
      }),
    );
    const call = alice.device.client.call(await found(alice.device, bob.handle));
    await dropped(bob.device, 'not-for-us');
    await dropped(tablet, 'not-for-us');
    expect(await ended(call)).not.toBe('completed');
  });

  it.each([
    ['version', 0, 'unsupported'],
    ['suite', 1, 'unsupported'],
    ['last byte', -1, 'unauthentic'],
  ])('whose %s was changed rings nothing', async (_, at, reason) => {
    const bob = await liedTo(
      liar({ frame: (frame) => [frame.type === 'invite' ? { ...frame, body: flipped(frame.body, at) } : frame] }),
    );
    const alice = await stage.cast.person();
    const call = alice.device.client.call(await found(alice.device, bob.handle));
    await dropped(bob.device, reason);
    expect(await ended(call)).not.toBe('completed');
  });

  it.each([
    ['more than is sealed', ['audio'], ['audio', 'video', 'screen']],
    ['less than is sealed', ['audio', 'video'], ['audio']],
  ])('of which the server says %s asks for what is sealed, and is answered with it', async (_, media, lie) => {
    const answers: unknown[] = [];
    const lying = () =>
      liar({
        frame: (frame) => [frame.type === 'invite' || frame.type === 'accepted' ? { ...frame, media: lie } : frame],
        verb(verb) {
          if (verb.verb === 'answer') answers.push(verb.media);
          return verb;
        },
      });
    const [alice, bob] = [await liedTo(lying()), await liedTo(lying())];
    const call = alice.device.client.call(await found(alice.device, bob.handle), media);
    const ring = await bob.device.ring();
    expect(ring.media).toEqual(media);
    ring.accept();
    await within(call.next('media'), 'media');
    await within(ring.next('media'), 'media');
    expect(answers).toContainEqual(media);
    expect(answers).not.toContainEqual(lie);
    call.hangup();
    await ended(ring);
  });

  it('of a call that is over, played again under its own or a new call id, rings nothing', async () => {
    const lies = liar();
    const bob = await liedTo(lies);
    const alice = await stage.cast.person();
    const call = alice.device.client.call(await found(alice.device, bob.handle));
    (await bob.device.ring()).decline();
    await ended(call);
    const recorded = lies.heard.find(({ type }) => type === 'invite');
    const rings = bob.device.rings.length;
    lies.inject({ ...recorded, rev: recorded.rev + 100, ringDeadline: Date.now() + 60_000 });
    const dropped = (as: string) => bob.device.suspicions.some((one) => one.endsWith(as));
    await until(() => dropped('replayed'), 'the first is dropped');
    lies.inject({ ...recorded, call: '0'.repeat(32), rev: 1, ringDeadline: Date.now() + 60_000 });
    await until(() => dropped('wrong-ids'), 'the second is dropped');
    expect(bob.device.rings.length).toBe(rings);
  });

  it('said twice rings once', async () => {
    const bob = await liedTo(
      liar({ frame: (frame) => (frame.type === 'invite' ? [frame, { ...frame, rev: frame.rev + 1 }] : [frame]) }),
    );
    const alice = await stage.cast.person();
    alice.device.client.call(await found(alice.device, bob.handle));
    await bob.device.ring();
    await bob.device.client.history();
    expect(bob.device.rings).toHaveLength(1);
  });

  it('whose sender the server renamed rings nothing', async () => {
    const mallory = await stage.cast.person();
    const { account, device } = mallory.device.client.identity;
    const bob = await liedTo(
      liar({ frame: (frame) => [frame.type === 'invite' ? { ...frame, from: { account, device } } : frame] }),
    );
    const alice = await stage.cast.person();
    const call = alice.device.client.call(await found(alice.device, bob.handle));
    await until(() => call.phase === 'ended', 'the end');
    expect(bob.device.rings).toEqual([]);
  });

  it('made by a caller who was shown an older device list of ours rings nothing: somebody serves a ghost', async () => {
    const bob = await stage.cast.person();
    await stage.cast.device({ sponsor: await bob.device.client.sponsor(), keys: false });
    await bob.device.client.refreshOwnChain();
    const alice = await liedTo(ofLookups((result) => (result.manifests = result.manifests.slice(0, -1))));
    alice.device.client.call(await found(alice.device, bob.handle));
    await dropped(bob.device, 'unknown-manifest');
  });
});

describe('an answer', () => {
  it('that the server makes itself connects nothing', async () => {
    const bob = await stage.cast.person();
    const body = base64url(webCrypto().random(700));
    const lies = liar({
      frame(frame) {
        if (frame.type !== 'remote-ringing') return [frame];
        const { account, device } = bob.device.client.identity;
        const connectDeadline = Date.now() + 20_000;
        const rest = { account, device, message: '1'.repeat(32), body, media: ['audio'], connectDeadline };
        return [{ type: 'accepted', call: frame.call, rev: frame.rev + 1, at: frame.at, ...rest }];
      },
    });
    const alice = await liedTo(lies);
    const call = alice.device.client.call(await found(alice.device, bob.handle));
    expect(await ended(call)).toBe('failed');
    expect(call.keys).toBeNull();
    expect(alice.device.suspicions).toHaveLength(1);
  });

  it.each(['of the right device changed in one byte', 'to an earlier call', 'said to come from another device'])(
    '%s connects nothing',
    async (kind) => {
      const bob = await stage.cast.person();
      const tablet = await stage.cast.another(bob.device);
      let earlier: Wire = null;
      let lie = false;
      const alice = await liedTo(
        liar({
          frame(frame) {
            if (frame.type !== 'accepted') return [frame];
            const old = (earlier ??= frame);
            if (!lie) return [frame];
            if (kind.startsWith('of the')) return [{ ...frame, body: flipped(frame.body, -1) }];
            if (kind.startsWith('to an')) return [{ ...frame, body: old.body }];
            return [{ ...frame, device: tablet.client.identity.device }];
          },
        }),
      );
      const one = alice.device.client.call(await found(alice.device, bob.handle));
      const first = await bob.device.ring();
      first.accept();
      await within(one.reaches('active'), 'an honest call');
      one.hangup();
      await Promise.all([ended(one), ended(first)]);
      lie = true;
      const two = alice.device.client.call(await found(alice.device, bob.handle));
      const ringing = await bob.device.ring();
      ringing.accept();
      expect(await ended(two)).toBe('failed');
      expect([two.keys, ringing.keys]).toEqual([null, null]);
    },
  );
});

describe('a grant', () => {
  it('without the consent of the user starts nothing', async () => {
    const lies = liar();
    const bob = await liedTo(lies);
    const alice = await stage.cast.person();
    const call = alice.device.client.call(await found(alice.device, bob.handle));
    const ringing = await bob.device.ring();
    const head = { call: call.id, rev: 1_000, at: Date.now() };
    lies.inject({ ...head, type: 'grant', connectDeadline: Date.now() + 20_000 });
    await bob.device.client.history();
    expect([ringing.phase, ringing.keys]).toEqual(['alerting', null]);
    lies.inject({
      ...head,
      rev: 1_001,
      type: 'grant',
      connectDeadline: Date.now() + 20_000,
      merged: { call: 'f'.repeat(32), media: ['audio'] },
    });
    await within(ringing.next('ended'), 'a merge with a call that the user never placed is hung up');
    expect(ringing.keys).toBeNull();
  });
});

describe('the relay', () => {
  function phasesOf(call: Call): string[] {
    const seen: string[] = [];
    call.on('phase', (phase) => seen.push(phase));
    return seen;
  }

  async function unconfirmed(lies: Liar, count: () => number): Promise<void> {
    const alice = await liedTo(lies);
    const bob = await stage.cast.person();
    const call = alice.device.client.call(await found(alice.device, bob.handle));
    const phases = phasesOf(call);
    (await bob.device.ring()).accept();
    await until(() => count() > 3, 'confirmations that were touched');
    expect(phases).toContain('connecting');
    expect(phases).not.toContain('active');
    expect(call.keys).toBeNull();
    call.hangup();
    await ended(call);
  }

  it('that lets no confirmation through confirms nobody', async () => {
    let lost = 0;
    const lies = liar({
      datagram() {
        lost++;
        return [];
      },
    });
    await unconfirmed(lies, () => lost);
  });

  it('that changes confirmations confirms nobody', async () => {
    let touched = 0;
    const lies = liar({
      datagram(bytes) {
        const changed = bytes.slice();
        changed[30 + (touched++ % 40)]! ^= 1;
        return [changed];
      },
    });
    await unconfirmed(lies, () => touched);
  });

  it('that plays back what the device said itself confirms nobody', async () => {
    const own: Uint8Array<ArrayBuffer>[] = [];
    let reflected = 0;
    const lies = liar({
      sent: (bytes) => own.push(bytes.slice()),
      datagram() {
        reflected++;
        return own.slice(-1);
      },
    });
    await unconfirmed(lies, () => reflected);
  });

  it('that plays back the confirmation of an earlier call confirms nobody', async () => {
    let earlier: Uint8Array<ArrayBuffer> | null = null;
    let replayed = 0;
    let lie = false;
    const lies = liar({
      datagram(bytes) {
        earlier ??= bytes.slice();
        if (!lie) return [bytes];
        replayed++;
        return [earlier];
      },
    });
    const alice = await liedTo(lies);
    const bob = await stage.cast.person();
    const honest = alice.device.client.call(await found(alice.device, bob.handle));
    const first = await bob.device.ring();
    first.accept();
    await within(honest.reaches('active'), 'an honest call');
    honest.hangup();
    await Promise.all([ended(honest), ended(first)]);
    lie = true;
    const call = alice.device.client.call(await found(alice.device, bob.handle));
    const phases = phasesOf(call);
    (await bob.device.ring()).accept();
    await until(() => replayed > 3, 'replays');
    expect(phases).toContain('connecting');
    expect(phases).not.toContain('active');
    expect(call.keys).toBeNull();
    call.hangup();
    await ended(call);
  });
});

describe('frames', () => {
  it.each(['invite', 'grant', 'accepted'])('of kind %s that are dropped connect nobody', async (kind) => {
    let lost = 0;
    const drop = liar({
      frame(frame) {
        if (frame.type !== kind) return [frame];
        lost++;
        return [];
      },
      // The reply to an answer says the grant once more.
      reply({ granted, ...reply }) {
        if (granted === undefined || kind !== 'grant') return { granted, ...reply };
        lost++;
        return reply;
      },
    });
    const callee = kind !== 'accepted';
    const bob = await (callee ? liedTo(drop) : stage.cast.person());
    const alice = await (callee ? stage.cast.person() : liedTo(drop));
    const call = alice.device.client.call(await found(alice.device, bob.handle));
    if (kind !== 'invite') (await bob.device.ring()).accept();
    await until(() => lost >= (kind === 'grant' ? 2 : 1), 'what is dropped');
    const ringing = bob.device.rings[0];
    expect([call.keys, ringing?.keys ?? null]).toEqual([null, null]);
    call.hangup();
    await ended(call);
    expect([call.keys, ringing?.keys ?? null]).toEqual([null, null]);
  });

  it('that are doubled, held back and come in another order connect the same two devices with the same keys, or nobody', async () => {
    let held: Wire[] = [];
    const bob = await liedTo(
      liar({
        frame(frame) {
          const now = [frame, ...held, frame];
          held = [frame];
          return now;
        },
      }),
    );
    const alice = await stage.cast.person();
    const call = alice.device.client.call(await found(alice.device, bob.handle));
    const ringing = await bob.device.ring();
    ringing.accept();
    const [mine, theirs] = await within(Promise.all([call.next('media'), ringing.next('media')]), 'media');
    expect(mine.keys.sas).toBe(theirs.keys.sas);
    expect(mine.peer.device).toBe(bob.device.client.identity.device);
    expect(theirs.peer.device).toBe(alice.device.client.identity.device);
  });

  it('of signals that are doubled or changed are heard once, or never', async () => {
    const bob = await liedTo(
      liar({
        frame: (frame) =>
          frame.type === 'signal'
            ? [
                { ...frame, message: '2'.repeat(32), body: flipped(frame.body, -1) },
                frame,
                { ...frame, message: '3'.repeat(32) },
              ]
            : [frame],
      }),
    );
    const alice = await stage.cast.person();
    const call = alice.device.client.call(await found(alice.device, bob.handle));
    const ringing = await bob.device.ring();
    const heard: string[] = [];
    ringing.on('signal', ({ content }) => heard.push(new TextDecoder().decode(content)));
    ringing.accept();
    await within(call.reaches('active'), 'active');
    await call.signal(utf8('one'));
    await call.signal(utf8('two'));
    await until(() => heard.includes('two'), 'signals');
    expect(heard).toEqual(['one', 'two']);
    expect(bob.device.suspicions.every((one) => one.endsWith('signal-unauthentic'))).toBe(true);
  });
});
