/**
 * Somebody who has no device left comes back by their handles, or a thief tries to: told over HTTP and the courier with the SDK on both
 * hosts, with providers of e-mails and text messages behind their HTTP APIs. Days pass by starting the server with its clock ahead.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSecrets } from '../../src/hosts/secrets.ts';
import { openPostOffice, type PostOffice } from './post-office.ts';
import { eventually, openTown, type Person, type Town } from './town.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe.each(['deno', 'workerd'] as const)('a recovery without the key on %s', (host) => {
  let town: Town;
  let office: PostOffice;
  /** Each of three people has an address and a number of more than a week, and wants both to be proved. */
  let bob: Person;
  let carol: Person;
  let dave: Person;
  /** Knows them. */
  let alice: Person;
  const address = (name: string) => `${name}-${host}@example.com`;
  const numbers = { bob: '+12025550101', carol: '+12025550102', dave: '+12025550103' };
  const handles = (name: keyof typeof numbers) => [address(name), numbers[name]];

  beforeAll(async () => {
    office = await openPostOffice();
    const settings = { ...office.settings, CODES_PER_HANDLE: '100', CODES_PER_ACCOUNT: '100' };
    town = await openTown(host, settings, { days: true, post: (to) => office.code(to) });
    alice = await town.person();
    [bob, carol, dave] = [await town.person(), await town.person(), await town.person()];
    for (const [name, person] of Object.entries({ bob, carol, dave }) as [keyof typeof numbers, Person][]) {
      for (const handle of handles(name)) await person.prove(handle);
      const own = (await person.client.handles()).map(({ handle }) => handle);
      await person.client.own.setRecovery({ policy: 'delay', delayHours: 48, handles: own });
    }
    for (let i = 0; i < 2; i++) await town.later(4 * DAY, alice, bob, carol, dave);
  }, 400_000);
  afterAll(async () => {
    for (const one of [alice, bob, carol, dave]) one?.client.close();
    await town?.server.stop();
    await office?.close();
  });

  const ask = (who: Person, name: keyof typeof numbers) =>
    who.client.own.recoverHandles(handles(name).map((handle) => ({ handle, code: () => office.code(handle) })));
  const warnings = (name: keyof typeof numbers) =>
    office.letters.filter(({ to, until }) => until !== undefined && handles(name).includes(to));
  async function events(account: string): Promise<{ type: string; reason: string; severity: string }[]> {
    const { operator } = await openSecrets(town.secrets, town.server.url, 'development');
    const headers = { Authorization: `Bearer ${operator}` };
    const answer = await fetch(`${town.server.url}/v1/admin/events?types=recovery.warned,recovery.not-warned`, {
      headers,
    });
    const lines = (await answer.text()).split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line)).filter(({ subject }) => subject === account);
  }

  it('vetoed: devices and handles are warned, one device says no, whoever looks sees it, and nothing moves, then or later', async () => {
    await bob.online();
    expect((await alice.client.find(address('bob')))?.account).toBe(bob.identity.account);
    const thief = await town.person();
    const begun = await ask(thief, 'bob');
    expect(begun).toMatchObject({ state: 'pending', veto: null });
    expect(begun.dueAt - town.now()).toBeGreaterThan(47 * HOUR);

    const until = new Date(begun.dueAt).toISOString();
    const warned = await eventually(
      'warnings',
      () => warnings('bob'),
      ({ length }) => length === 2,
    );
    expect(warned.map(({ kind, to }) => `${kind} ${to}`).toSorted()).toEqual([
      `email ${address('bob')}`,
      `sms ${numbers.bob}`,
    ]);
    expect(warned.map((one) => one.until)).toEqual([until, until]);
    expect(new Set(warned.map(({ key }) => key)).size).toBe(2);
    await eventually(
      'news',
      () => bob.heard,
      (heard) => heard.some((one) => one.type === 'recovery' && one.state === 'pending'),
    );
    await alice.client.find(address('bob'));
    expect(alice.contacts.at(-1)).toEqual({
      type: 'recovery-pending',
      account: bob.identity.account,
      dueAt: begun.dueAt,
    });

    // Before the delay is over nothing moves, and the account cannot be closed under its owner's hands.
    await expect(thief.prove(address('bob'))).rejects.toMatchObject({ reason: 'handle-held' });
    const vetoed = await bob.client.own.veto(begun.recovery);
    expect(vetoed).toMatchObject({ state: 'vetoed', veto: expect.any(String) });
    expect((await alice.client.find(address('bob')))?.recovery).toMatchObject({ state: 'vetoed' });

    await town.later(3 * DAY, alice, bob, carol, dave, thief);
    for (const handle of handles('bob'))
      await expect(thief.prove(handle)).rejects.toMatchObject({ reason: 'handle-held' });
    await expect(thief.client.own.recoveryOf(handles('bob'))).rejects.toMatchObject({ reason: 'recovery-vetoed' });
    expect(await alice.client.find(address('bob'))).toMatchObject({ account: bob.identity.account, changedFrom: null });
    expect(warnings('bob')).toHaveLength(2);
    thief.client.close();
  }, 400_000);

  it('not vetoed: a provider that fails holds nothing up and the operator hears of it; it is warned later, and the delay over, a new person has the handles', async () => {
    const before = (await alice.client.find(address('carol')))!;
    await alice.client.contacts.verify(before);
    const { number } = await alice.client.contacts.safetyNumber(before);
    office.refuses = true;
    const again = await town.person();
    const begun = await ask(again, 'carol');
    await eventually(
      'tries',
      () => office.refused,
      (refused) => refused >= 6,
    );
    const told = await eventually(
      'events',
      () => events(carol.identity.account),
      ({ length }) => length >= 2,
    );
    expect(told.map(({ type, reason, severity }) => `${type} ${reason} ${severity}`).toSorted()).toEqual([
      'recovery.not-warned email: failed alarm',
      'recovery.not-warned phone: failed alarm',
    ]);
    expect(warnings('carol')).toEqual([]);

    // The provider is back; what it did not take is brought again, under the same name. The end of the delay is what it was.
    office.refuses = false;
    await town.later(2 * HOUR, alice, bob, carol, dave, again);
    const touched = await again.client.own.recoveryOf(handles('carol'));
    expect(touched).toMatchObject({ state: 'pending', dueAt: begun.dueAt });
    expect(
      await eventually(
        'warnings',
        () => warnings('carol'),
        ({ length }) => length === 2,
      ),
    ).toHaveLength(2);

    await town.later(47 * HOUR, alice, bob, carol, dave, again);
    const over = await eventually(
      'the delay is over',
      () => again.client.own.recoveryOf(handles('carol')),
      ({ state }) => state === 'completed',
    );
    expect(over.veto).toBeNull();
    for (const handle of handles('carol')) await again.prove(handle);

    const after = (await alice.client.find(address('carol'), { claim: true }))!;
    expect(after).toMatchObject({ account: again.identity.account, changedFrom: before.account, reset: true });
    expect(alice.contacts.at(-1)).toMatchObject({
      type: 'another-account',
      from: before.account,
      to: after.account,
      recovery: true,
    });
    expect(() => alice.client.call(after)).toThrow('another-account');
    await alice.client.contacts.acknowledge(after);
    const known = (await alice.client.find(address('carol'), { claim: true }))!;
    expect(await alice.client.contacts.standing(known)).toEqual({ verified: false, recovered: false, resets: 1 });
    expect((await alice.client.contacts.safetyNumber(known)).number).not.toBe(number);
    // Whoever held a device of the account before refuses the newcomer under its own handle.
    await carol.config.store.write([
      { collection: 'pin', id: `mail1:${address('carol')}`, value: carol.identity.account },
    ]);
    await expect(carol.client.find(address('carol'))).rejects.toMatchObject({ reason: 'reset-of-own-account' });
    again.client.close();
  }, 400_000);

  it('of an account that nobody was seen at for a month the handle goes to who proves it, at once and as another person; an active one keeps it', async () => {
    const pinned = (await alice.client.find(address('dave')))!;
    expect(pinned.account).toBe(dave.identity.account);
    const early = await town.person();
    await expect(early.prove(address('dave'))).rejects.toMatchObject({ reason: 'handle-held' });
    early.client.close();

    for (let i = 0; i < 5; i++) await town.later(6.4 * DAY, alice, bob);
    const young = await town.person();
    await expect(young.prove(address('bob'))).rejects.toMatchObject({
      reason: 'handle-held',
      retryAfterMs: expect.any(Number),
    });
    await young.prove(address('dave'));
    const moved = (await alice.client.find(address('dave'), { claim: true }))!;
    expect(moved).toMatchObject({ account: young.identity.account, changedFrom: pinned.account, reset: false });
    expect(() => alice.client.call(moved)).toThrow('another-account');
    expect((await alice.client.find(address('bob')))?.account).toBe(bob.identity.account);
    young.client.close();
  }, 600_000);
});
