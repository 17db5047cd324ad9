import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as v from 'valibot';
import type { HostName } from '../../demo/server.ts';
import type { Call } from '../../src/sdk/index.ts';
import { ended, House, type Person, type Phone, place, rowOf, sleep, talking, until } from './house.ts';

const AnyReply = v.looseObject({ ok: v.boolean() });
/** Long enough for a ring that must not come to have come. */
const QUIET_MS = 1_500;

/** What users of other systems complain of, and what happens here: on a real server, over its sockets, with the SDK. */
export function complaints(host: HostName): void {
  let house: House;
  /** They take turns: one device may invite one account only five times at once. */
  const friends: Person[] = [];
  let [bob, cleo]: Person[] = [];
  let turn = 0;
  let ann: Person;
  let caller: Phone;
  let phone: Phone;
  let tablet: Phone;
  let laptop: Phone;
  let other: Phone;

  beforeAll(async () => {
    house = await House.open(host);
    for (const name of ['ann', 'dora', 'eve', 'fay']) friends.push(await house.person(name, 1));
    [bob, cleo] = [await house.person('bob', 3), await house.person('cleo', 1)];
    await house.befriend([...friends, bob, cleo]);
    [phone, tablet, laptop] = bob.phones as [Phone, Phone, Phone];
    other = cleo.phones[0]!;
    for (const one of [...friends.flatMap(({ phones }) => phones), phone, tablet, other]) await one.connect();
  });

  beforeEach(() => {
    ann = friends[turn++ % friends.length]!;
    caller = ann.phones[0]!;
  });

  afterAll(async () => {
    for (const { phones } of [...friends, bob!, cleo!]) for (const { client } of phones) client.close();
    await house.stop();
  });

  /** A test that failed leaves nothing ringing for the next. */
  afterEach(async () => {
    for (const one of [caller, phone, tablet, laptop, other])
      for (const ring of one.rings) if (ring.phase !== 'ended') ring.hangup();
  });

  const rung = (call: Call) => Promise.all([phone.rung(call), tablet.rung(call)]);

  describe(`complaints that nobody has of ${host}`, () => {
    it('other devices keep ringing after I answered: they stop, and know that it was answered elsewhere', async () => {
      const call = await place(caller, bob!);
      const [here, there] = await rung(call);
      here.accept();
      await talking(caller, phone, call);
      expect(await there.next('ended')).toMatchObject({ elsewhere: 'answered' });
      expect(tablet.ringing).toEqual([]);
      call.hangup();
      expect(await ended(here)).toBe('completed');
    });

    it('ringing after the caller hung up: every device stops, and one that was away never starts', async () => {
      const call = await place(caller, bob!);
      const rings = await rung(call);
      call.hangup();
      expect(await Promise.all(rings.map(ended))).toEqual(['cancelled', 'cancelled']);
      await laptop.connect();
      const row = await rowOf(laptop, call);
      expect(row).toMatchObject({ outcome: 'cancelled', direction: 'incoming' });
      await sleep(QUIET_MS);
      expect(laptop.rings).toEqual([]);
      expect(laptop.history.filter(({ call: id }) => id === call.id)).toHaveLength(1);
    });

    it('ringing on one device only: it rings on every one that is there, and on one that comes while it rings', async () => {
      laptop.drop();
      laptop.client.networkChanged();
      const call = await place(caller, bob!);
      await rung(call);
      await laptop.rung(call);
      call.hangup();
      await Promise.all([phone, tablet, laptop].map((one) => ended(one.ring(call)!)));
    });

    it('an answered call shows as missed: it is answered in the history of every device, once', async () => {
      const call = await place(caller, bob!);
      const [, there] = await rung(call);
      there.accept();
      await talking(caller, tablet, call);
      call.hangup();
      await ended(there);
      for (const one of [caller, phone, tablet, laptop]) {
        expect(await rowOf(one, call)).toMatchObject({ outcome: 'answered' });
        expect(one.history.filter(({ call: id }) => id === call.id)).toHaveLength(1);
      }
      expect((await rowOf(phone, call)).by).toBe(tablet.client.identity.device);
    });

    it('declining stops one device only, or tells the caller: on all devices it ends, on one it is silent', async () => {
      const call = await place(caller, bob!);
      const [here, there] = await rung(call);
      await until(() => call.phase === 'remote-ringing', 'the caller hears that it rings');
      here.decline('device');
      expect(await ended(here)).toBe('declined');
      await sleep(QUIET_MS);
      expect([call.phase, there.phase]).toEqual(['remote-ringing', 'alerting']);
      there.decline('all');
      expect(await ended(call)).toBe('declined');
      await ended(laptop.ring(call) ?? there);
    });

    it('another network drops the call: the side that lost it comes back to the same call, and signals pass again', async () => {
      const call = await place(caller, bob!);
      const [here] = await rung(call);
      here.accept();
      await talking(caller, phone, call);
      const signals: number[] = [];
      here.on('signal', ({ content }) => signals.push(content[0]!));
      const sockets = phone.heard.filter((text) => text.includes('"type":"welcome"')).length;
      phone.drop();
      phone.client.networkChanged();
      const welcomes = () => phone.heard.filter((text) => text.includes('"type":"welcome"')).length;
      await until(() => welcomes() > sockets, 'the courier is back');
      await until(() => here.phase === 'active' && call.phase === 'active', 'both are back');
      await sleep(QUIET_MS);
      await call.signal(new Uint8Array([7]), { generation: 1 });
      await until(() => signals.length > 0, 'the signal came');
      await sleep(QUIET_MS);
      expect(signals).toEqual([7]);
      call.hangup();
      expect(await ended(here)).toBe('completed');
    });

    it('both call each other and nothing works: exactly one call is left, and both talk in it', async () => {
      const [mine, theirs] = await Promise.all([place(caller, bob!), place(phone, ann)]);
      await until(
        () => [...caller.talked].some((id) => phone.talked.has(id) && [mine.id, theirs.id].includes(id)),
        'they talk',
      );
      const common = [mine.id, theirs.id].filter((id) => caller.talked.has(id) && phone.talked.has(id));
      expect(common).toHaveLength(1);
      await until(() => [caller, phone].every(({ ringing }) => ringing.length === 0), 'nothing rings any more');
      await sleep(QUIET_MS);
      expect([caller, phone].flatMap(({ ringing }) => ringing)).toEqual([]);
      for (const one of [mine, theirs, ...caller.rings, ...phone.rings]) if (one.phase !== 'ended') one.hangup();
      await until(
        () => caller.history.some(({ call, outcome }) => common[0] === call && outcome === 'answered'),
        'a row',
      );
      await sleep(QUIET_MS);
      expect(caller.history.filter(({ call }) => [mine.id, theirs.id].includes(call))).toHaveLength(1);
    });

    it('ghosts never time out: who dies in a call is gone after its lease, and the other side is told', async () => {
      const ghost = (await house.person('ghost', 1)).phones[0]!;
      await ghost.connect();
      const call = await place(ghost, ann);
      const here = await caller.rung(call);
      here.accept();
      await talking(ghost, caller, call);
      ghost.drop();
      ghost.client.close();
      await until(() => here.phase === 'ended', 'the lease ends');
      expect(await rowOf(caller, call)).toMatchObject({ outcome: 'answered' });
    });

    it('ringing for ever when the caller’s battery dies: its lease ends it long before the ring', async () => {
      const dying = (await house.person('dying', 1)).phones[0]!;
      await dying.connect();
      const call = await place(dying, ann);
      const here = await caller.rung(call);
      dying.drop();
      dying.client.close();
      expect(await ended(here)).toBe('cancelled');
    });

    it('my address leaks before I answer: until the grant no socket, no signal and no datagram goes between the two', async () => {
      const call = await place(caller, bob!);
      const [here] = await rung(call);
      const path = `/v1/calls/${call.id}`;
      const signal = { verb: 'signal', call: call.id, attempt: 0, message: 'ab'.repeat(16), body: 'AAAA' };
      for (const { client } of [caller, phone]) {
        const said = await client.api.ask(AnyReply, { method: 'POST', path: `${path}/verbs`, body: signal });
        expect(said).toMatchObject({ ok: false, reason: 'wrong-role' });
        const ticket = client.api.ask(v.unknown(), { method: 'POST', path: `${path}/tickets`, body: {} });
        await expect(ticket).rejects.toMatchObject({ code: 'refused', reason: 'wrong-role' });
      }
      const frames = [...caller.heard, ...phone.heard].filter((text) => text.includes(call.id));
      expect(frames.filter((text) => /"type":"(signal|accepted|grant)"/.test(text))).toEqual([]);
      here.decline();
      await ended(call);
    });

    it('“ID is taken” after a reconnect: the same device takes its own connection over, and its call is its own', async () => {
      const call = await place(caller, bob!);
      await rung(call);
      caller.client.networkChanged();
      caller.online = false;
      await until(() => caller.online, 'it is back');
      const invite = caller.said.findLast((text) => text.includes('"verb":"invite"') && text.includes(call.id))!;
      const { verb } = JSON.parse(invite) as { verb: object };
      const path = `/v1/calls/${call.id}/verbs`;
      const again = await caller.client.api.ask(AnyReply, { method: 'POST', path, body: verb });
      expect(again).toMatchObject({ ok: true, state: 'ringing' });
      const stranger = await other.client.api.ask(AnyReply, { method: 'POST', path, body: verb });
      expect(stranger).toMatchObject({ ok: false, reason: 'call-id-taken' });
      expect(caller.closed).toEqual([]);
      call.hangup();
      await Promise.all([phone, tablet].map((one) => ended(one.ring(call)!)));
    });

    it('a network that is back is not noticed: the hint reconnects, and what waited rings', async () => {
      tablet.drop();
      tablet.online = false;
      const call = await place(caller, bob!);
      await phone.rung(call);
      tablet.client.networkChanged();
      await tablet.rung(call);
      call.hangup();
      await Promise.all([phone, tablet].map((one) => ended(one.ring(call)!)));
    });

    it('a second call is rejected silently: it rings beside the one that is had, and busy is only said by a user', async () => {
      const first = await place(caller, bob!);
      const [here] = await rung(first);
      here.accept();
      await talking(caller, phone, first);
      const second = await place(other, bob!);
      const waiting = await phone.rung(second);
      await until(() => second.phase === 'remote-ringing', 'the second caller hears it ring');
      expect([here.phase, waiting.phase]).toEqual(['active', 'alerting']);
      second.hangup();
      await ended(waiting);
      first.hangup();
      await ended(here);
      for (const ring of [...tablet.rings, ...laptop.rings]) await ended(ring);
    });

    it('do not disturb and blocking are ignored: nothing rings, the caller cannot tell, and only what may be seen is a row', async () => {
      const account = caller.client.identity.account;
      const contacts = [account, other.client.identity.account];
      const open = { blocked: [], quietUntil: null, contactsOnly: false, contacts };
      const seen = [phone, tablet].map(({ rings }) => rings.length);
      await phone.client.setPolicy({ ...open, quietUntil: Date.now() + 600_000 });
      const quiet = await place(caller, bob!);
      await until(() => quiet.phase === 'remote-ringing', 'it seems to ring');
      quiet.hangup();
      expect(await rowOf(tablet, quiet)).toMatchObject({ outcome: 'cancelled', silenced: true });
      await phone.client.setPolicy({ ...open, blocked: [account] });
      const blocked = await place(caller, bob!);
      await until(() => blocked.phase === 'remote-ringing', 'it seems to ring');
      blocked.hangup();
      await rowOf(caller, blocked);
      await phone.client.setPolicy({ ...open, contactsOnly: true, contacts: [] });
      const unknown = await place(other, bob!);
      await until(() => unknown.phase === 'remote-ringing', 'it seems to ring');
      unknown.hangup();
      expect(await rowOf(phone, unknown)).toMatchObject({ silenced: true });
      expect(phone.history.some(({ call }) => call === blocked.id)).toBe(false);
      expect([phone, tablet].map(({ rings }) => rings.length)).toEqual(seen);
      await phone.client.setPolicy(open);
    });
  });
}
