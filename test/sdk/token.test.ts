import { describe, expect, it } from 'vitest';
import { base64url } from '../../src/bytes/base64url.ts';
import { CLOSE } from '../../src/protocol/courier.ts';
import { CallsignClient, type ClientConfig, restoreIdentity } from '../../src/sdk/index.ts';
import type { Device } from './suite/cast.ts';
import { until, within } from './suite/cast.ts';
import { casting } from './suite/casting.ts';

const stage = casting();

/** Hashes of the token that the device's hellos name, oldest first. */
function spy() {
  const shown: string[] = [];
  const through = ({ openSocket }: ClientConfig): Partial<ClientConfig> => ({
    openSocket: (url, protocols) => {
      const [, payload = ''] = (protocols[1] ?? '').split('.');
      if (url.endsWith('/v1/courier')) shown.push(JSON.parse(atob(toBase64(payload))).pushTokenHash as string);
      return openSocket(url, protocols);
    },
  });
  return { shown, through };
}

const toBase64 = (text: string): string => text.replaceAll('-', '+').replaceAll('_', '/');

const hashOf = async ({ crypto }: ClientConfig, token: Uint8Array<ArrayBuffer>): Promise<string> =>
  base64url(await crypto.sha256(token));

/** The application starts again: another client on what the store has. It resolves with how its courier fares. */
async function restarted({
  config,
}: Device): Promise<{ client: CallsignClient; fares: () => Promise<'online' | number> }> {
  const identity = await restoreIdentity(config);
  const fate: ('online' | number)[] = [];
  const told = { online: () => void fate.push('online'), closed: (code: number) => void fate.push(code) };
  const client = new CallsignClient(config, identity!, told);
  const fares = async () => {
    fate.length = 0;
    await client.connect();
    await until(() => fate.length > 0, 'it is online or closed');
    return fate[0]!;
  };
  return { client, fares };
}

describe('rotating the push token', () => {
  it('names the new one in the next hello and in every one after a start, and the old one is refused', async () => {
    const { shown, through } = spy();
    const { device } = await stage.cast.person({ config: await stage.cast.config(through) });
    const { config, client } = device;
    const old = client.identity;
    await client.push.rotateToken();
    const fresh = client.identity;
    expect(fresh).toEqual({ ...old, pushToken: fresh.pushToken });
    expect(fresh.pushToken).not.toEqual(old.pushToken);
    device.onlineTimes = 0;
    client.networkChanged();
    await until(() => device.onlineTimes > 0, 'it is back');
    expect(shown).toEqual([await hashOf(config, old.pushToken), await hashOf(config, fresh.pushToken)]);
    client.close();

    const again = await restarted(device);
    expect(again.client.identity.pushToken).toEqual(fresh.pushToken);
    expect(await again.fares()).toBe('online');
    again.client.close();

    const closed = Promise.withResolvers<number>();
    const stale = new CallsignClient(config, old, { closed: closed.resolve });
    await stale.connect();
    expect(await within(closed.promise, 'it is closed')).toBe(CLOSE.forbidden);
    stale.close();
  });

  it('that ended before the new one was kept leaves a device that is refused, and is back with the next rotation', async () => {
    const { device } = await stage.cast.person();
    const { config, client, store } = device;
    const old = client.identity.pushToken;
    const full = { ...config, store: { ...store, write: () => Promise.reject(new Error('no room')) } };
    const dying = new CallsignClient(full, client.identity);
    await expect(dying.push.rotateToken()).rejects.toThrow('no room');
    client.close();
    dying.close();

    const again = await restarted(device);
    expect(again.client.identity.pushToken).toEqual(old);
    expect(await again.fares()).toBe(CLOSE.forbidden);
    await again.client.push.rotateToken();
    expect(await again.fares()).toBe('online');
    again.client.close();
    expect(await (await restarted(device)).fares()).toBe('online');
  });

  it('that never reached the server leaves the old one in force', async () => {
    let down = false;
    const cut = ({ fetch }: ClientConfig): Partial<ClientConfig> => ({
      fetch: (url, init) =>
        down && url.endsWith('/v1/courier/token') ? Promise.reject(new Error('no network')) : fetch(url, init),
    });
    const { device } = await stage.cast.person({ config: await stage.cast.config(cut) });
    const old = device.client.identity.pushToken;
    down = true;
    await expect(device.client.push.rotateToken()).rejects.toMatchObject({ code: 'network' });
    expect(device.client.identity.pushToken).toEqual(old);
    device.client.close();
    expect(await (await restarted(device)).fares()).toBe('online');
  });

  it('and a renewal at the same time keep both what they brought', async () => {
    const { device } = await stage.cast.person();
    const { client, config } = device;
    const old = client.identity;
    await Promise.all([client.push.rotateToken(), client.renew()]);
    const both = client.identity;
    expect(both.pushToken).not.toEqual(old.pushToken);
    expect(both.chain[0]).not.toEqual(old.chain[0]);
    const kept = await restoreIdentity(config);
    expect([kept!.pushToken, kept!.chain]).toEqual([both.pushToken, both.chain]);
    client.close();
    expect(await (await restarted(device)).fares()).toBe('online');
  });
});
