import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostName } from '../../demo/server.ts';
import { IN_CALL_LEASE_MS } from '../../src/protocol/call.ts';
import { PING } from '../../src/protocol/keep-alive.ts';
import type { Call } from '../../src/sdk/index.ts';
import { startSwallower, type Swallower } from '../support/swallower.ts';
import { ended, House, type Person, place, rowOf, sleep, talking, until } from './house.ts';

const LEASES = 2;

/** Sockets that fall silent without closing: on a real server, behind a relay that swallows what is on its way. */
export function silence(host: HostName): void {
  let house: House | undefined;
  let relay: Swallower | undefined;
  let people: Person[] = [];
  /** Who dies, who is cut off and lives (both behind the relay), and who has nothing to say. */
  let [dead, alive, quiet]: Person[] = [];
  const calls = new Map<Person, { call: Call; here: Call }>();
  let begun = 0;
  /** What the quiet one's sockets had carried by then. */
  let said = 0;

  beforeAll(async () => {
    const opened = (house = await House.open(host));
    const { port, swallow } = (relay = await startSwallower(Number(new URL(opened.server.url).port)));
    const behind = (url: string) => {
      const given = new URL(url);
      given.port = String(port);
      return given.href;
    };
    [dead, alive, quiet] = [
      await opened.person('dead', 1, behind),
      await opened.person('alive', 1, behind),
      await opened.person('quiet', 1),
    ];
    const friends = [await opened.person('ann', 1), await opened.person('ben', 1), await opened.person('cat', 1)];
    people = [dead, alive, quiet, ...friends];
    await opened.befriend(people);
    for (const { phones } of people) await phones[0]!.connect();
    for (const [n, other] of [dead, alive, quiet].entries()) {
      const [caller, callee] = [friends[n]!.phones[0]!, other.phones[0]!];
      const call = await place(caller, other);
      const here = await callee.rung(call);
      here.accept();
      await talking(caller, callee, call);
      await until(() => here.phase === 'active' && call.phase === 'active', 'both talk');
      calls.set(other, { call, here });
    }
    begun = Date.now();
    said = quiet.phones[0]!.said.length;
    swallow();
    dead.phones[0]!.client.close();
  });

  afterAll(async () => {
    for (const { phones } of people) for (const { client } of phones) client.close();
    await relay?.stop();
    await house?.stop();
  });

  const callOf = (person: Person | undefined) => calls.get(person!)!;

  describe(`a call-plane socket that falls silent on ${host}`, () => {
    it('of a device that died: its peer’s call fails as lost and is answered in the history, within a silence and a lease', async () => {
      const { call } = callOf(dead);
      await until(() => call.phase === 'ended', 'the lease ends');
      const friend = people.find(({ phones }) => phones[0]!.talked.has(call.id) && phones !== dead!.phones);
      const frames = friend!.phones[0]!.heard.filter((text) => text.includes(call.id));
      expect(frames.some((text) => text.includes('"peer-lost"'))).toBe(true);
      expect(frames.some((text) => /"type":"ended"/.test(text) && /"detail":"lost"/.test(text))).toBe(true);
      expect(await rowOf(friend!.phones[0]!, call)).toMatchObject({ outcome: 'answered' });
    });

    it('under a device that lives: the device notices by itself, opens another one, and the call goes on', async () => {
      const { call, here } = callOf(alive);
      await sleep(Math.max(0, begun + LEASES * IN_CALL_LEASE_MS - Date.now()));
      await until(() => here.phase === 'active' && call.phase === 'active', 'both are back');
      call.hangup();
      expect(await ended(here)).toBe('completed');
    });

    it('is none as long as keep-alives come: who says nothing else stays in its call for several leases', async () => {
      const { call, here } = callOf(quiet);
      await sleep(Math.max(0, begun + (LEASES + 0.5) * IN_CALL_LEASE_MS - Date.now()));
      await until(() => here.phase === 'active' && call.phase === 'active', 'both talk');
      const since = quiet!.phones[0]!.said.slice(said);
      expect(since.filter((text) => text === PING).length).toBeGreaterThan(LEASES);
      // A machine that stands still for long is silent itself; then its plane is opened again, and `alive` said meanwhile.
      const lost = people.some(({ phones }) =>
        phones[0]!.heard.some((text) => text.includes(call.id) && text.includes('"peer-lost"')),
      );
      expect(lost ? [] : since.filter((text) => text.includes('"verb"'))).toEqual([]);
      call.hangup();
      expect(await ended(here)).toBe('completed');
    });
  });
}
