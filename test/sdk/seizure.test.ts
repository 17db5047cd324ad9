/** Who recorded everything and later takes a device with its whole store. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fromBase64url } from '../../src/bytes/base64url.ts';
import { hex } from '../../src/bytes/hex.ts';
import { openInvitation } from '../../src/sdk/crypto/invitation.ts';
import { pointOf, spkiOf } from '../../src/sdk/crypto/point.ts';
import { ownHead, selfOf } from '../../src/sdk/identity.ts';
import { memoryStore, webCrypto } from '../../src/sdk/index.ts';
import { forgetRetired, PREKEY_KEEP_MS, prekeyStore, publishBundle } from '../../src/sdk/prekeys.ts';
import { Cast, type Device, found, within } from './suite/cast.ts';
import { type Liar, liar } from './suite/lies.ts';
import { deploy, type Deployment } from './suite/server.ts';

let deployed: Deployment;
let cast: Cast;

beforeAll(async () => {
  deployed = await deploy();
}, 90_000);
afterAll(async () => {
  await deployed?.server.stop();
});
beforeEach(() => {
  const { server, deployment, root } = deployed;
  const own = { crypto: () => webCrypto(), store: async () => memoryStore() };
  cast = new Cast({ origin: server.url, deployment, root, ...own });
});
afterEach(() => {
  cast.close();
});

/** Opens the recorded invitation with what is in the store, every check that is not of keys answered as the thief likes. */
async function opened(thief: Device, by: Device, recorded: Liar): Promise<string> {
  const body = fromBase64url(recorded.heard.find(({ type }) => type === 'invite').body)!;
  const { config } = thief;
  const identityKey = pointOf(spkiOf(by.client.identity.key.publicKey))!;
  const now = Date.now();
  const made = await openInvitation(
    config.crypto,
    {
      self: selfOf(thief.client.identity),
      keys: { ...prekeyStore(config), seen: async () => false, consume: async () => true },
      judge: async () => ({ ok: true, identityKey }),
      knowsOurManifest: async () => true,
      clocks: { local: now, server: now },
    },
    body,
  );
  return made.ok ? 'opened' : made.reason;
}

describe('a device that is seized after a call', { timeout: 120_000 }, () => {
  it('opens no recorded invitation that used a one-time key, from the moment it was first opened', async () => {
    const record = liar();
    const bob = await cast.person({ config: await cast.config(record.config) });
    const alice = await cast.person();
    const call = alice.device.client.call(await found(alice.device, bob.handle));
    const ringing = await bob.device.ring();
    expect(await opened(bob.device, alice.device, record)).toBe('unknown-key');
    ringing.decline();
    await within(call.next('ended'), 'the end');
  });

  it('opens one without, until two days after the prekey was replaced, and then no more', async () => {
    const record = liar();
    const { device: bob, handle } = await cast.person({ config: await cast.config(record.config) });
    const withheld = liar({
      answer(path, answer) {
        if (path === '/v1/lookups') for (const result of answer.results) delete result.devices[0].oneTime;
        return answer;
      },
    });
    const alice = await cast.person({ config: await cast.config(withheld.config) });
    const call = alice.device.client.call(await found(alice.device, handle));
    (await bob.ring()).accept();
    await within(call.reaches('active'), 'active');
    call.hangup();
    await within(call.next('ended'), 'the end');
    expect(await opened(bob, alice.device, record)).toBe('opened');

    const { version } = await ownHead(bob.config, bob.account);
    await publishBundle(bob.client.api, version);
    const now = bob.client.api.serverNow();
    await forgetRetired(bob.config, now + PREKEY_KEEP_MS - 60_000);
    expect(await opened(bob, alice.device, record)).toBe('opened');
    expect(await bob.store.ids('seen')).toHaveLength(1);
    await forgetRetired(bob.config, now + PREKEY_KEEP_MS + 60_000);
    expect(await opened(bob, alice.device, record)).toBe('unknown-key');
    expect(await bob.store.ids('seen')).toEqual([]);
    expect([(await bob.store.ids('prekey')).length, (await bob.store.ids('kem')).length]).toEqual([1, 1]);
  });

  it('holds nothing of the session in memory either: keys are zeros, and the call object has none', async () => {
    const alice = await cast.person();
    const bob = await cast.person();
    const call = alice.device.client.call(await found(alice.device, bob.handle));
    const ringing = await bob.device.ring();
    ringing.accept();
    const [{ keys: mine }, { keys: theirs }] = await within(
      Promise.all([call.next('media'), ringing.next('media')]),
      '',
    );
    call.hangup();
    await within(ringing.next('ended'), 'the end');
    for (const { srtp, sframe, signal } of [mine, theirs]) {
      const left = [srtp.audio.send.key, srtp.video.receive.salt, sframe.send, signal.receive].map(hex).join('');
      expect(left).toMatch(/^0+$/);
    }
    expect([call.keys, ringing.keys]).toEqual([null, null]);
  });
});
