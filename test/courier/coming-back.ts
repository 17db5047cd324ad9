import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configFor, type Deployment, enrollDevice, within } from '../../demo/people.ts';
import type { HostName } from '../../demo/server.ts';
import type { ClientConfig } from '../../src/sdk/index.ts';
import { codeFor } from '../blackbox/world.ts';
import { ended, House, type Person, place, until } from '../calls/house.ts';
import { PATIENCE_MS } from '../support/patience.ts';

/** A device whose connection ended comes back by itself, and at once when its user would wait. */
export function comingBack(host: HostName): void {
  let house: House;
  let [ann, bob]: Person[] = [];

  beforeAll(async () => {
    house = await House.open(host);
    [ann, bob] = [await house.person('ann', 1), await house.person('bob', 1)];
    await house.befriend([ann, bob]);
  });

  afterAll(async () => {
    for (const { phones } of [ann, bob].filter((one) => one !== undefined))
      for (const { client } of phones) client.close();
    await house?.stop();
  });

  describe(`coming back on ${host}`, () => {
    it('from a planned restart, as advised where the host can announce it, and then it rings as before', async () => {
      const [caller, phone] = [ann!.phones[0]!, bob!.phones[0]!];
      await Promise.all([caller.connect(), phone.connect()]);
      await house.server.kill('SIGTERM');
      await house.server.restart();
      await until(
        () => !phone.online || phone.heard.filter((text) => text.includes('"drained"')).length > 1,
        'it was lost',
      );
      await until(() => phone.online && caller.online, 'both are back');
      const advice = phone.heard.filter((text) => text.includes('"type":"reconnect"'));
      expect(advice.map((text) => JSON.parse(text) as unknown)).toEqual(
        host === 'deno' ? [{ type: 'reconnect', afterMs: 1_000, spreadMs: 2_000 }] : [],
      );
      expect([caller.closed, phone.closed]).toEqual([[], []]);
      const call = await place(caller, bob!);
      await phone.rung(call);
      call.hangup();
      expect(await ended(phone.ring(call)!)).toBe('cancelled');
      phone.client.close();
    });

    it('from a pause of the back-off, however long, when a push wakes it', async () => {
      const deployment = (await (await fetch(`${house.server.url}/v1/deployment`)).json()) as Deployment;
      const plain = configFor(house.server.url, deployment);
      const network = { there: true };
      const config: ClientConfig = {
        ...plain,
        openSocket: (url, protocols) => {
          if (!network.there) throw new Error('there is no network');
          return plain.openSocket(url, protocols);
        },
        // While it is away every pause lasts for ever.
        after: (ms, run) => (network.there || ms === 0 ? plain.after(ms, run) : () => undefined),
      };
      const sleeper = await enrollDevice('sleeper', config, null);
      await sleeper.client.publishKeys();
      const handle = `sleeper-${host}@example.com`;
      await sleeper.client.addHandle(handle, () => codeFor(house.server.url, handle));
      await sleeper.goOnline();
      network.there = false;
      sleeper.client.networkChanged();
      const caller = ann!.phones[0]!;
      await until(() => caller.online, 'the caller is there');
      const call = await place(caller, { handle, phones: [] });
      network.there = true;
      // Null as long as the invitation has not reached the mailbox.
      await until(
        async () => (await within(PATIENCE_MS, sleeper.client.wake(null), 'it did not wake')) !== null,
        'it rings',
      );
      const [ringing] = sleeper.rings;
      expect(ringing).toMatchObject({ id: call.id, phase: 'alerting' });
      call.hangup();
      expect(await ended(ringing!)).toBe('cancelled');
      sleeper.client.close();
    });
  });
}
