import { beforeEach, describe, expect, it } from 'vitest';
import { Simulator } from '../../src/hosts/simulator/simulator.ts';
import { CALM, STORM } from '../../src/hosts/simulator/weather.ts';
import { Courier } from './courier.ts';
import { actors, type Person, Town } from './people.ts';

const simulator = new Simulator({ actors });
const CALL = 'c0'.repeat(16);
let town: Town;

beforeEach(() => {
  simulator.reset(1, CALM);
  town = new Town(simulator);
});

type Looked = { ok: true; set: number; devices: { device: string; capability: string }[] };

async function invitation(caller: Person, callee: Person): Promise<object> {
  const party = { account: caller.account, device: caller.devices[0]!.device };
  const looked = await town.ask<Looked>('account', callee.account, {
    do: 'lookup',
    caller: party,
    handle: callee.account,
    known: null,
  });
  const legs = looked.devices.map(({ device, capability }, i) => ({
    device,
    capability,
    message: `0${i}`.repeat(16),
    body: 'AAAA',
  }));
  return { verb: 'invite', call: CALL, attempt: 0, to: callee.account, media: ['audio'], set: looked.set, legs };
}

const verb = (name: string, more: object = {}) => ({ verb: name, call: CALL, attempt: 0, ...more });

describe('a call between real actors', () => {
  it('rings on both devices of the callee, is answered on one, and leaves one history row on every device', async () => {
    const [ann, bob] = [await town.person(1), await town.person(2)];
    const caller = new Courier(simulator, ann.devices[0]!);
    const [phone, tablet] = bob.devices.map((one) => new Courier(simulator, one)) as [Courier, Courier];
    await simulator.pass(100);
    caller.say(await invitation(ann, bob));
    await simulator.pass(200);
    expect(phone.heard).toEqual(['invite']);
    expect(tablet.heard).toEqual(['invite']);
    phone.say(verb('ringing'));
    tablet.say(verb('ringing'));
    await simulator.pass(100);
    expect(caller.heard).toContain('remote-ringing');
    phone.say(verb('answer', { message: 'ab'.repeat(16), body: 'BBBB' }));
    tablet.say(verb('answer', { message: 'cd'.repeat(16), body: 'CCCC' }));
    await simulator.pass(200);
    const grants = [phone, tablet].filter((one) => one.heard.includes('grant'));
    const losers = [phone, tablet].filter((one) => one.heard.includes('elsewhere'));
    expect(grants).toHaveLength(1);
    expect(losers).toHaveLength(1);
    expect(grants[0]).not.toBe(losers[0]);
    expect(caller.body('accepted')?.['device']).toBe(
      grants[0] === phone ? bob.devices[0]!.device : bob.devices[1]!.device,
    );
    grants[0]!.say(verb('confirm'));
    caller.say(verb('confirm'));
    await simulator.pass(100);
    caller.say(verb('hangup'));
    await simulator.pass(300);
    expect(grants[0]!.heard.at(-1)).toBe('ended');
    for (const one of [caller, phone, tablet]) {
      const rows = one.frames
        .filter((frame) => frame.topic === 'history')
        .map((frame) => (frame.body as unknown as { row: { outcome: string } }).row);
      expect(rows.map((row) => row.outcome)).toEqual(['answered']);
    }
    expect(simulator.faults).toEqual([]);
  });

  it('refuses an invitation without the capability that a lookup gave to this very device', async () => {
    const [ann, bob, eve] = [await town.person(1), await town.person(1), await town.person(1)];
    const caller = new Courier(simulator, eve.devices[0]!);
    const phone = new Courier(simulator, bob.devices[0]!);
    await simulator.pass(100);
    caller.say(await invitation(ann, bob));
    await simulator.pass(300);
    expect(phone.heard).toEqual([]);
    expect(caller.heard).toContain('stale-capability');
  });

  it('is stored for a device that is offline, and rings when it comes back in time', async () => {
    const [ann, bob] = [await town.person(1), await town.person(1)];
    const caller = new Courier(simulator, ann.devices[0]!);
    await simulator.pass(100);
    caller.say(await invitation(ann, bob));
    await simulator.pass(5_000);
    simulator.crashAll();
    const phone = new Courier(simulator, bob.devices[0]!);
    await simulator.pass(500);
    expect(phone.heard).toEqual(['invite']);
    expect(phone.frames.at(-1)?.type).toBe('drained');
  });

  it('of a caller that cancelled meanwhile never rings, and is one missed call', async () => {
    const [ann, bob] = [await town.person(1), await town.person(1)];
    const caller = new Courier(simulator, ann.devices[0]!);
    await simulator.pass(100);
    caller.say(await invitation(ann, bob));
    await simulator.pass(2_000);
    caller.say(verb('cancel'));
    await simulator.pass(500);
    const phone = new Courier(simulator, bob.devices[0]!);
    await simulator.pass(500);
    expect(phone.frames.map((frame) => frame.type).indexOf('drained')).toBeGreaterThan(
      phone.frames.findIndex((frame) => frame.body?.type === 'cancelled'),
    );
    expect(phone.frames.filter((frame) => frame.topic === 'history')).toHaveLength(1);
  });

  it('closes the courier of a device that was revoked and rings it no more', async () => {
    const [ann, bob] = [await town.person(1), await town.person(2)];
    const [phone, tablet] = bob.devices.map((one) => new Courier(simulator, one)) as [Courier, Courier];
    await simulator.pass(100);
    await town.tell('account', bob.account, {
      do: 'revoke',
      device: bob.devices[1]!.device,
      reason: 'lost',
      by: 'owner',
    });
    await simulator.pass(500);
    expect(await tablet.socket.closed).toEqual({ code: 4401 });
    const caller = new Courier(simulator, ann.devices[0]!);
    await simulator.pass(100);
    caller.say(await invitation(ann, bob));
    await simulator.pass(300);
    expect(phone.heard).toEqual(['invite']);
    expect(
      (
        await town.ask('account', bob.account, {
          do: 'authorize',
          device: bob.devices[1]!.device,
          key: bob.devices[1]!.key,
        })
      ).reason,
    ).toBe('device-revoked');
  });

  it('is known to nobody else: verbs of strangers and to accounts, devices and calls that do not exist write nothing', async () => {
    const eve = await town.person(1);
    const nobody = town.phone();
    expect(
      await town.ask(
        'account',
        eve.account.replace(/^./, (c) => (c === 'a' ? 'b' : 'a')),
        { do: 'authorize', device: nobody.device, key: nobody.key },
      ),
    ).toEqual({ ok: false, reason: 'unknown-account' });
    expect(await town.ask('device', nobody.device, { do: 'key-status' })).toEqual({
      ok: false,
      reason: 'unknown-device',
    });
    const party = { account: eve.account, device: eve.devices[0]!.device };
    expect(await town.ask('call', CALL, { do: 'verb', party, verb: verb('hangup') })).toMatchObject({
      ok: false,
      reason: 'unknown-call',
    });
    expect(await town.ask('call', CALL, { do: 'ticket', party })).toEqual({ ok: false, reason: 'unknown-call' });
  });

  it('keeps its promises in a storm: one winner at most, and every device hears the end', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      simulator.reset(seed, CALM);
      town = new Town(simulator);
      const [ann, bob] = [await town.person(1), await town.person(2)];
      const caller = new Courier(simulator, ann.devices[0]!);
      const phones = bob.devices.map((one) => new Courier(simulator, one));
      await simulator.pass(100);
      const invite = await invitation(ann, bob);
      simulator.weather = { ...STORM, crashBeforeCommit: 0, crashAfterCommit: 0 };
      caller.say(invite);
      await simulator.pass(8_000);
      for (const phone of phones) phone.say(verb('answer', { message: 'ab'.repeat(16), body: 'BBBB' }));
      await simulator.pass(20_000);
      simulator.weather = CALM;
      await simulator.pass(90_000);
      const grants = phones.filter((phone) => phone.heard.includes('grant')).length;
      expect(grants, `seed ${seed}`).toBeLessThanOrEqual(1);
      for (const phone of phones) {
        const ends = phone.heard.some((type) => ['elsewhere', 'ended', 'cancelled'].includes(type));
        expect(!phone.heard.includes('invite') || ends, `seed ${seed}: ${phone.heard.join(' ')}`).toBe(true);
      }
    }
  });
});
