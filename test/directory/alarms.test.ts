/** What a device tells its user of how the server keeps its handles and keys: over HTTP and the courier, with the SDK on both hosts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LookupDevice, LookupReply } from '../../src/protocol/api.ts';
import { CallsignClient } from '../../src/sdk/index.ts';
import { ownHead } from '../../src/sdk/identity.ts';
import { publishOneTimeKeys } from '../../src/sdk/prekeys.ts';
import { noteDropped } from '../../src/sdk/published.ts';
import { eventually, openTown, type Person, type Town } from './town.ts';

interface Status {
  readonly left: number;
}

describe.each(['deno', 'workerd'] as const)('a device on %s', (host) => {
  let town: Town;
  let caller: Person;
  beforeAll(async () => {
    town = await openTown(host);
    caller = await town.person();
    await caller.online();
  });
  afterAll(async () => {
    caller?.client.close();
    await town?.server.stop();
  });
  const name = (what: string) => `${what}-${host}@example.com`;
  const left = async (who: Person) => (await who.prover.read<Status>('GET', '/v1/keys/status')).left;
  async function owner(what: string): Promise<Person> {
    const one = await town.person();
    await one.prove(name(what));
    return one;
  }
  /** Rings and hangs up: the invitation has come, and the keys that it was sealed to are used. Five at once, then one in six seconds. */
  async function ring(handle: string): Promise<'stale' | 'last-resort' | null> {
    for (;;) {
      const peer = (await caller.client.find(handle, { claim: true }))!;
      const call = caller.client.call(peer);
      const phase = await eventually(
        'it rings or may not yet',
        () => call.phase,
        (now) => now === 'remote-ringing' || now === 'ended',
      );
      call.hangup();
      await eventually(
        'it is over',
        () => call.phase,
        (now) => now === 'ended',
      );
      if (phase === 'remote-ringing') return peer.devices[0]!.weak;
      await new Promise((resolve) => setTimeout(resolve, 6_500));
    }
  }

  /** A device’s entry in an answer as a server gives it that keeps one-time keys back. */
  function withheld(device: LookupDevice): LookupDevice {
    const { oneTime, ...rest } = device;
    return oneTime ? { ...rest, lastResort: true } : device;
  }

  it('looks its own handles up at its start and once a day, and tells where the directory sends others', async () => {
    const bob = await owner('watched');
    const handle = `mail1:${name('watched')}`;
    let lookups = 0;
    let lie: (answer: unknown) => unknown = (answer) => answer;
    bob.between = (path, answer) => {
      if (path === '/v1/lookups') lookups += 1;
      return lie(answer);
    };
    const row = { collection: 'pin', id: 'own-handles' } as const;
    /** A day later, as the store knows it. */
    const tomorrow = async () => {
      const kept = (await bob.config.store.get(row.collection, row.id)) as { at: number; here: string[] };
      await bob.config.store.write([{ ...row, value: { ...kept, at: 0 } }]);
    };
    /** Starts once and says what was told in it. */
    async function start(): Promise<string[]> {
      const told: string[] = [];
      const client = new CallsignClient(bob.config, bob.identity, {
        suspicious: (about, reason) => void told.push(`${about}: ${reason}`),
      });
      const before = await bob.config.store.get(row.collection, row.id);
      await client.connect();
      await eventually(
        'a check',
        () => bob.config.store.get(row.collection, row.id),
        (now) => now !== before,
      );
      client.close();
      return told;
    }
    const leading = (to: object) => (answer: unknown) => {
      const { results } = answer as Partial<LookupReply>;
      return results ? { ...(answer as LookupReply), results: results.map((one) => ({ ...one, ...to })) } : answer;
    };

    expect(await start()).toEqual([]);
    expect(lookups).toBe(1);
    await tomorrow();
    lie = leading({ account: caller.identity.account });
    expect(await start()).toEqual([`${handle}: another-account`]);
    // It was told; that the handle leads here again makes it watched again.
    lie = (answer) => answer;
    await tomorrow();
    expect(await start()).toEqual([]);
    await tomorrow();
    lie = (answer) => leading({ found: false })((answer as { handles?: object[] }).handles ? { handles: [] } : answer);
    expect(await start()).toEqual([`${handle}: not-found`]);
    expect(lookups).toBe(4);
  });

  it('hears that few one-time keys are left, and makes more before there are none', async () => {
    const bob = await owner('low');
    await bob.prover.read('DELETE', '/v1/keys/one-time');
    await noteDropped(bob.config.store);
    const { version } = await ownHead(bob.config, bob.identity.account);
    await publishOneTimeKeys(bob.client.api, version, 26);
    await bob.online();
    expect(await left(bob)).toBe(26);
    expect(await ring(name('low'))).toBeNull();
    expect(
      await eventually(
        'more keys',
        () => left(bob),
        (now) => now > 100,
      ),
    ).toBe(125);
    expect(bob.suspicions).toEqual([]);
    bob.client.close();
  });

  it('without one-time keys is rung all the same, by its last-resort key, which says so to the caller', async () => {
    const bob = await owner('none');
    await bob.prover.read('DELETE', '/v1/keys/one-time');
    const body = { handles: [name('none')], claim: true };
    const headers = { 'Idempotency-Key': 'last-resort' };
    const reply = await caller.prover.read<LookupReply>('POST', '/v1/lookups', body, headers);
    const [found] = reply.results;
    expect(found).toMatchObject({ found: true, devices: [{ lastResort: true }] });
    expect(found?.found && 'oneTime' in found.devices[0]!).toBe(false);
    expect((await caller.client.find(name('none'), { claim: true }))?.devices[0]?.weak).toBe('last-resort');
  });

  it('tells of a caller who took so many one-time keys that it gets no more', async () => {
    const bob = await owner('drained');
    await bob.online();
    // Who is a stranger rings in vain only so often, and takes no keys by what does not ring.
    const policy = await bob.client.policy();
    await bob.client.setPolicy({ ...policy, contacts: [caller.identity.account] });
    const taken: unknown[] = [];
    for (let i = 0; i < 6; i++) taken.push(await ring(name('drained')));
    taken.push((await caller.client.find(name('drained'), { claim: true }))?.devices[0]?.weak);
    expect(taken).toEqual([null, null, null, null, null, null, 'last-resort']);
    await eventually(
      'it is told',
      () => bob.suspicions,
      ({ length }) => length > 0,
    );
    expect(bob.suspicions).toEqual(['keys: drained']);
    expect(await left(bob)).toBe(94);
    bob.client.close();
  });

  it('tells of an invitation without a one-time key while it has many up: somebody withheld them', async () => {
    const bob = await owner('withheld');
    await bob.online();
    caller.between = (path, answer) => {
      if (path !== '/v1/lookups') return answer;
      const reply = answer as LookupReply;
      const stripped = (one: LookupReply['results'][number]) =>
        one.found ? { ...one, devices: one.devices.map(withheld) } : one;
      return { ...reply, results: reply.results.map(stripped) };
    };
    try {
      expect(await ring(name('withheld'))).toBe('last-resort');
      await eventually(
        'it is told',
        () => bob.suspicions,
        ({ length }) => length > 0,
      );
      expect(bob.suspicions).toEqual(['keys: last-resort']);
    } finally {
      caller.between = (_, answer) => answer;
    }
    bob.client.close();
  });
});
