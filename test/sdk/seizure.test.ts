/** Who recorded everything and later takes a device with its whole store. */
import { describe, expect, it } from 'vitest';
import { hex } from '../../src/bytes/hex.ts';
import { ownHead } from '../../src/sdk/identity.ts';
import { forgetRetired, PREKEY_KEEP_MS, publishBundle } from '../../src/sdk/prekeys.ts';
import { found, within } from './suite/cast.ts';
import { casting } from './suite/casting.ts';
import { liar } from './suite/lies.ts';
import { openedBy } from './suite/thief.ts';

const stage = casting();

describe('a device that is seized after a call', () => {
  it('opens no recorded invitation that used a one-time key, from the moment it was first opened', async () => {
    const record = liar();
    const bob = await stage.cast.person({ config: await stage.cast.config(record.config) });
    const alice = await stage.cast.person();
    const call = alice.device.client.call(await found(alice.device, bob.handle));
    const ringing = await bob.device.ring();
    expect(await openedBy(bob.device, alice.device, record)).toBe('unknown-key');
    ringing.decline();
    await within(call.next('ended'), 'the end');
  });

  it('opens one without, until two days after the prekey was replaced, and then no more', async () => {
    const record = liar();
    const { device: bob, handle } = await stage.cast.person({ config: await stage.cast.config(record.config) });
    const withheld = liar({
      answer(path, answer) {
        if (path === '/v1/lookups') for (const result of answer.results) delete result.devices[0].oneTime;
        return answer;
      },
    });
    const alice = await stage.cast.person({ config: await stage.cast.config(withheld.config) });
    const call = alice.device.client.call(await found(alice.device, handle));
    (await bob.ring()).accept();
    await within(call.reaches('active'), 'active');
    call.hangup();
    await within(call.next('ended'), 'the end');
    expect(await openedBy(bob, alice.device, record)).toBe('opened');

    const { version } = await ownHead(bob.config, bob.account);
    await publishBundle(bob.client.api, version);
    const now = bob.client.api.serverNow();
    await forgetRetired(bob.config, now + PREKEY_KEEP_MS - 60_000);
    expect(await openedBy(bob, alice.device, record)).toBe('opened');
    expect(await bob.store.ids('seen')).toHaveLength(1);
    await forgetRetired(bob.config, now + PREKEY_KEEP_MS + 60_000);
    expect(await openedBy(bob, alice.device, record)).toBe('unknown-key');
    expect(await bob.store.ids('seen')).toEqual([]);
    expect([(await bob.store.ids('prekey')).length, (await bob.store.ids('kem')).length]).toEqual([1, 1]);
  });

  it('holds nothing of the session in memory either: keys are zeros, and the call object has none', async () => {
    const alice = await stage.cast.person();
    const bob = await stage.cast.person();
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
