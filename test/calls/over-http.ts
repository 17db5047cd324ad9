import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostName } from '../../demo/server.ts';
import type { Peer } from '../../src/sdk/index.ts';
import { House, type Person, type Phone, until } from './house.ts';

const AnyReply = v.looseObject({ ok: v.boolean(), call: v.string() });
const View = v.looseObject({ state: v.string(), reason: v.nullable(v.string()), leg: v.unknown() });
type Said = v.InferOutput<typeof AnyReply>;

const hex = () => Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('hex');
/** What only its receiver could open; a call carries it as it is. */
const sealed = () => ({ message: hex(), body: 'AAAA' });

/** Everything that is said of calls, by requests alone: what a device does that a push woke and that has no socket yet. */
export function overHttp(host: HostName): void {
  let house: House;
  let [ann, bob, cleo]: Person[] = [];
  let caller: Phone;
  let [phone, tablet]: Phone[] = [];

  beforeAll(async () => {
    house = await House.open(host);
    [ann, bob, cleo] = [await house.person('ann', 1), await house.person('bob', 2), await house.person('cleo', 1)];
    await house.befriend([ann, bob, cleo]);
    caller = ann.phones[0]!;
    [phone, tablet] = bob.phones;
  });

  afterAll(() => house.stop());

  const say = (who: Phone, call: string, verb: string, fields: object = {}): Promise<Said> =>
    who.client.api.ask(AnyReply, {
      method: 'POST',
      path: `/v1/calls/${call}/verbs`,
      body: { verb, call, attempt: 0, ...fields },
    });

  /** The same bytes again: the first reply again, and nothing else happens. */
  async function twice(who: Phone, call: string, verb: string, fields: object = {}): Promise<Said> {
    const first = await say(who, call, verb, fields);
    expect({ verb, reply: await say(who, call, verb, fields) }).toEqual({ verb, reply: first });
    return first;
  }

  const see = (who: Phone, call: string) => who.client.api.ask(View, { method: 'GET', path: `/v1/calls/${call}` });

  const legsOf = ({ devices }: Peer) => devices.map(({ device, capability }) => ({ device, capability, ...sealed() }));

  async function ringing(): Promise<string> {
    const call = hex();
    const peer = (await caller.client.find(bob!.handle))!;
    const invite = { to: peer.account, media: ['audio'], set: peer.set, legs: legsOf(peer) };
    expect(await say(caller, call, 'invite', invite)).toMatchObject({ ok: true });
    expect(await say(caller, call, 'invite', invite)).toMatchObject({ ok: true });
    await until(async () => (await see(caller, call)).state === 'ringing', 'it rings');
    return call;
  }

  async function outcomes(call: string): Promise<string[]> {
    const rows = async () =>
      (await Promise.all([caller, tablet!].map(({ client }) => client.history()))).flatMap((all) =>
        all.filter((row) => row.call === call),
      );
    await until(async () => (await rows()).length === 2, 'both accounts have their row');
    return (await rows()).map(({ outcome }) => outcome);
  }

  describe(`verbs over HTTP on ${host}`, () => {
    it('a whole call: ringing, answer, signal, confirm and hangup, each twice and once', async () => {
      const call = await ringing();
      await twice(phone!, call, 'ringing');
      await twice(tablet!, call, 'ringing');
      expect(await say(phone!, call, 'signal', sealed())).toMatchObject({ ok: false, reason: 'wrong-role' });
      const answer = sealed();
      expect(await twice(phone!, call, 'answer', answer)).toMatchObject({ ok: true, state: 'granted' });
      const late = { ok: false, reason: 'answered-elsewhere', by: phone!.client.identity.device };
      expect(await twice(tablet!, call, 'answer', sealed())).toMatchObject(late);
      for (const who of [caller, phone!])
        for (const [verb, fields] of [['socket'], ['alive'], ['signal', sealed()]] as const)
          expect({ verb, ...(await say(who, call, verb, fields)) }).toMatchObject({ verb, ok: true });
      await twice(phone!, call, 'confirm');
      await twice(caller, call, 'confirm');
      expect((await see(caller, call)).state).toBe('connected');
      expect(await twice(caller, call, 'hangup')).toMatchObject({ ok: true, state: 'ended', reason: 'completed' });
      expect(await outcomes(call)).toEqual(['answered', 'answered']);
    });

    it('declining: on one device silently, on all for the account', async () => {
      const call = await ringing();
      await twice(phone!, call, 'decline', { scope: 'device' });
      expect((await see(caller, call)).state).toBe('ringing');
      expect(await twice(tablet!, call, 'decline', { scope: 'all' })).toMatchObject({
        state: 'ended',
        reason: 'declined',
      });
      expect(await outcomes(call)).toEqual(['declined', 'declined']);
    });

    it('busy and failed end their leg, and the call when none is left; ignoring hides both', async () => {
      const call = await ringing();
      await twice(phone!, call, 'failed', { detail: 'no-microphone' });
      expect((await see(caller, call)).state).toBe('ringing');
      expect(await twice(tablet!, call, 'busy')).toMatchObject({ state: 'ended', reason: 'busy' });
      expect(await outcomes(call)).toEqual(['busy', 'busy']);
      const ignored = await ringing();
      await twice(phone!, ignored, 'ignore');
      await twice(tablet!, ignored, 'failed');
      expect((await see(caller, ignored)).state).toBe('ringing');
      expect(await twice(caller, ignored, 'cancel')).toMatchObject({ state: 'ended', reason: 'cancelled' });
      expect(await outcomes(ignored)).toEqual(['cancelled', 'cancelled']);
    });

    it('a group: found, join, add, answer, proofs, keys, keys-ack, keys-again, rekey, remove and leave', async () => {
      const other = cleo!.phones[0]!;
      const peer = (await other.client.find(bob!.handle))!;
      const call = hex();
      const invite = { to: peer.account, media: ['audio'], set: peer.set, legs: legsOf(peer) };
      await say(other, call, 'invite', invite);
      await until(async () => (await see(other, call)).state === 'ringing', 'it rings');
      await twice(phone!, call, 'answer', sealed());
      await twice(phone!, call, 'confirm');
      const third = (await other.client.find(ann!.handle))!;
      const added = { to: third.account, set: third.set, legs: legsOf(third), admit: 'AAAA' };
      const founding = { join: 'AAAA', admit: 'BBBB' };
      for (const who of [other, other, phone!])
        expect(await say(who, call, 'found', founding)).toMatchObject({ ok: true });
      const joins = async (who: Phone) => (await say(who, call, 'join', { proof: 'CCCC' })).ok;
      expect([await joins(other), await joins(phone!), await joins(phone!)]).toEqual([true, true, true]);
      for (const times of [1, 2])
        expect({ times, ...(await say(other, call, 'add', added)) }).toMatchObject({ times, ok: true });
      expect(await say(phone!, call, 'proofs', { after: 1 })).toMatchObject({
        proofs: ['BBBB', 'CCCC', 'AAAA'],
        group: { proofs: 4 },
      });
      await until(async () => (await say(caller, call, 'ringing')).ok, 'the added one is asked');
      expect(await twice(caller, call, 'answer', sealed())).toMatchObject({ ok: true });
      const epoch = 1;
      for (const [verb, fields] of [
        ['keys', { epoch, ...sealed() }],
        ['keys-ack', { epoch, from: [] }],
        ['keys-again', { epoch, from: [1] }],
        ['rekey', {}],
      ] as const)
        for (const times of [1, 2])
          expect({ times, verb, ...(await say(other, call, verb, fields)) }).toMatchObject({ times, verb, ok: true });
      const { account, device } = caller.client.identity;
      const removal = { account, device, proof: 'AAAA' };
      expect(await say(other, call, 'remove', removal)).toMatchObject({ ok: true });
      expect(await say(other, call, 'remove', removal)).toHaveProperty('ok');
      await twice(phone!, call, 'leave');
      await until(async () => (await see(other, call)).state === 'ended', 'nobody is left to talk to');
    });

    it('what is unknown is ignored, refused when it may not be, and tells a stranger nothing', async () => {
      const call = await ringing();
      expect(await say(caller, call, 'sing')).toMatchObject({ ok: true, ignored: true });
      expect(await say(caller, call, 'alive', { must: ['dance'] })).toMatchObject({ reason: 'must-understand' });
      expect(await say(phone!, call, 'cancel')).toMatchObject({ reason: 'wrong-role' });
      expect(await say(phone!, call, 'ringing', { attempt: 3 })).toMatchObject({ reason: 'stale-attempt' });
      const stranger = cleo!.phones[0]!;
      expect(await say(stranger, call, 'hangup')).toMatchObject({ ok: false, reason: 'unknown-call' });
      expect(await say(stranger, hex(), 'hangup')).toMatchObject({ ok: false, reason: 'unknown-call' });
      await say(caller, call, 'cancel');
      expect(await outcomes(call)).toEqual(['cancelled', 'cancelled']);
    });

    it('history is the same on every device, and what one deletes is gone on all, once', async () => {
      await tablet!.connect();
      const rows = await phone!.client.history();
      expect(await tablet!.client.history()).toEqual(rows);
      const [first, second] = rows.map(({ call }) => call) as [string, string];
      expect(await phone!.client.deleteHistory([first, second])).toEqual([first, second]);
      expect(await phone!.client.deleteHistory([first, second])).toEqual([]);
      const left = (await tablet!.client.history()).map(({ call }) => call);
      expect(left).toEqual(rows.map(({ call }) => call).slice(2));
      await until(
        () => tablet!.heard.some((text) => text.includes('"deleted"') && text.includes(first)),
        'the other hears',
      );
      tablet!.client.close();
    });
  });
}
