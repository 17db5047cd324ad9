import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventsAfter, operator, type Operator } from '../../cli/support/server.ts';
import type { HostName } from '../../demo/server.ts';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import type { Call } from '../../src/sdk/index.ts';
import { House, type Person, type Phone, sleep, until } from '../calls/house.ts';
import type { Point } from './points.ts';

const ENTRY = { deno: 'test/chaos/doomed-deno.ts', workerd: 'test/workerd/doomed.ts' } as const;
/** Every so many-th point, so that a run of all tests ends today; CALLSIGN_EVERY_POINT=1 is the whole of it. */
const STRIDE = process.env['CALLSIGN_EVERY_POINT'] ? { deno: 1, workerd: 1 } : { deno: 3, workerd: 7 };
/** They take turns: one device may invite one account only ten times a minute. */
const CALLERS = 8;
/** How long a call is waited for that lost its other side to the kill; then its caller hangs up. */
const PATIENCE_MS = 20_000;
const TALK_MS = 200;
/** What comes after the end of a call: its rows, its events. */
const AFTERWARDS_MS = 1_500;

/** Tells when the server stands at its point: by its own line, or by the request that it makes. */
interface Watch {
  readonly url: string;
  readonly stop: () => Promise<void>;
  reached: boolean;
}

function watch(): Promise<Watch> {
  return new Promise((resolve) => {
    const server = createServer((_, response) => {
      watching.reached = true;
      response.end();
    });
    const stop = () => new Promise<void>((done) => void server.close(() => done()));
    const watching: Watch = { url: '', stop, reached: false };
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(Object.assign(watching, { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/` }));
    });
  });
}

/**
 * A call from invitation to hang-up, once for each labelled point that it passes: the process is killed there, comes back
 * on what was durable, and everybody must agree on what became of the call.
 */
export function everyPoint(host: HostName): void {
  let house: House;
  let hook: Watch;
  let feed: Operator;
  const callers: Person[] = [];
  let bob: Person;
  let turn = 0;

  beforeAll(async () => {
    hook = await watch();
    const secrets = await makeDevelopmentSecrets(Date.now());
    house = await House.open(host, { secrets, entry: ENTRY[host], settings: { DOOM_HOOK: hook.url } });
    const key = (JSON.parse(secrets.CALLSIGN_KEYS) as { operator: string }).operator;
    feed = operator({ CALLSIGN_URL: house.server.url, CALLSIGN_OPERATOR_KEY: key });
    while (callers.length < CALLERS) callers.push(await house.person(`caller${callers.length}`, 1));
    bob = await house.person('bob', 2);
    await house.befriend([...callers, bob]);
    for (const phone of everybody()) await phone.connect();
    for (const phone of bob.phones) phone.onRing = (ring) => ring.accept();
  }, 300_000);

  afterAll(async () => {
    for (const { client } of everybody()) client.close();
    await house.stop();
    await hook.stop();
  });

  const everybody = (): Phone[] => [...callers, bob].flatMap(({ phones }) => phones);

  const labelsPassed = async (): Promise<string[]> =>
    ((await (await fetch(`${house.server.url}/points`)).json()) as string[]).toSorted();

  const doom = (point: Point | null) =>
    fetch(`${house.server.url}/doom`, { method: 'POST', body: JSON.stringify(point) });

  /** Kills the process where it stands; false when it is not there before `over`. */
  async function killThere(over: () => boolean, lines: number): Promise<boolean> {
    while (!hook.reached && !house.server.log.slice(lines).includes('doomed')) {
      if (over()) return false;
      await sleep(10);
    }
    await house.server.restart();
    for (const { client } of everybody()) client.networkChanged();
    return true;
  }

  /** Both devices alert, both accept; whoever is granted talks for a moment, then the caller hangs up. */
  async function had(caller: Phone, call: Call): Promise<void> {
    const hangup = () => call.phase !== 'ended' && call.hangup();
    const patience = setTimeout(hangup, PATIENCE_MS);
    call.on('media', () => setTimeout(hangup, TALK_MS));
    await until(() => call.phase === 'ended', `${caller.name}'s call ends`, 120_000);
    clearTimeout(patience);
  }

  /** A call ends at its devices before its row is written: who rang or talked is owed one, and whoever has one in the store, too. */
  async function settled(caller: Phone, call: Call): Promise<void> {
    const phones = [caller, ...bob.phones];
    const over = () => phones.every((phone) => (phone.ring(call)?.phase ?? 'ended') === 'ended');
    await until(over, 'nobody holds the call', 120_000);
    const has = (phone: Phone, id: string) => phone.history.some((row) => row.call === id);
    const owed = phones.filter((phone) => phone.ring(call) || phone.talked.has(call.id));
    await until(() => owed.every((phone) => has(phone, call.id)), 'who rang or talked has its row', 120_000);
    await until(
      async () => {
        const rows = await Promise.all(phones.map(({ client }) => client.history()));
        return phones.every((phone, i) => rows[i]!.every((row) => has(phone, row.call)));
      },
      'every device has the rows of its account',
      120_000,
    );
  }

  function judge(caller: Phone, call: Call): void {
    const rowsOf = (phone: Phone) => phone.history.filter((row) => row.call === call.id);
    const [mine, here, there] = [caller, ...bob.phones].map(rowsOf);
    expect([mine!.length <= 1, here!.length <= 1, here]).toEqual([true, true, there]);
    if (mine![0] && here![0]) expect(here![0].outcome).toBe(mine![0].outcome);
    const talked = bob.phones.filter((phone) => phone.talked.has(call.id));
    expect(talked.length).toBeLessThanOrEqual(1);
    if (caller.talked.has(call.id) && talked.length === 1) expect(mine![0]?.outcome).toBe('answered');
    for (const phone of bob.phones) {
      expect(phone.rings.filter(({ id }) => id === call.id).length).toBeLessThanOrEqual(1);
      if (phone.ring(call)) expect(rowsOf(phone)).toHaveLength(1);
    }
  }

  /** False: the call never came to this point. */
  async function callAndKill(point: Point | null): Promise<boolean> {
    const [caller] = callers[turn++ % callers.length]!.phones as [Phone];
    const peer = (await caller.client.find(bob.handle, { claim: true }))!;
    hook.reached = false;
    await doom(point);
    let overAt = Number.POSITIVE_INFINITY;
    const killing = point ? killThere(() => Date.now() > overAt, house.server.log.length) : false;
    const call = caller.watch(caller.client.call(peer));
    await had(caller, call);
    overAt = Date.now() + AFTERWARDS_MS;
    const killed = await killing;
    if (point && !killed) await doom(null);
    await settled(caller, call);
    judge(caller, call);
    return killed;
  }

  describe(`a call on ${host} that is killed`, () => {
    it('at labelled points, before its commit and after it, is had or ended, told once and the same to everybody', async () => {
      await callAndKill(null);
      await callAndKill(null);
      const labels = await labelsPassed();
      for (const must of [
        'call verb invite',
        'account invite-question',
        'device put invite',
        'call verb answer',
        'call verb hangup',
      ])
        expect(labels).toContain(must);
      const points = labels.flatMap((label) => (['before', 'after'] as const).map((moment) => ({ label, moment })));
      const chosen = points.filter((_, i) => i % STRIDE[host] === 0);
      const reached: Point[] = [];
      for (const point of chosen) if (await callAndKill(point)) reached.push(point);
      expect(reached.length).toBeGreaterThan(chosen.length / 2);
      await pairs();
    }, 1_800_000);
  });

  /** Each ring of all these calls has exactly one later end in the feed. */
  async function pairs(): Promise<void> {
    const stories = async () => {
      const lines = [];
      for (let cursor = 0; ;) {
        const page = await eventsAfter(feed, cursor, 'call.ringing,call.ended');
        lines.push(...page);
        const last = page.at(-1);
        if (!last) break;
        cursor = last.cursor;
      }
      return [...Map.groupBy(lines, ({ subject }) => subject).values()].map((all) =>
        all.map(({ type }) => type).join(),
      );
    };
    await until(
      async () => (await stories()).every((story) => story === 'call.ringing,call.ended'),
      'one end of each ring',
      90_000,
    );
  }
}
