import { beforeEach, describe, expect, it } from 'vitest';
import { base64url } from '../../src/bytes/base64url.ts';
import { pushTag } from '../../src/courier/push-tag.ts';
import { Simulator } from '../../src/hosts/simulator/simulator.ts';
import { CALM, STORM, type Weather } from '../../src/hosts/simulator/weather.ts';
import { wakeDevices } from '../../src/jobs/wakeups.ts';
import type { Actors, Consumer } from '../../src/actors/port.ts';
import type { PushSubscription } from '../../src/protocol/push.ts';
import type { PushOutcome } from '../../src/push/port.ts';
import { Courier } from '../actors/courier.ts';
import { actors, type Person, type Phone, Town } from '../actors/people.ts';

const simulator = new Simulator({ actors });
const CALL = 'c0'.repeat(16);
const SECRET = new Uint8Array(32).fill(9);
const WEB: PushSubscription = { kind: 'fcm', token: 'f:cm_token-0123456789' };
let town: Town;
let ann: Person;
let bob: Person;
let caller: Courier;
let consumer: Consumer;
/** What left, and what the push service says to the next ones; accepted when it says nothing. */
let pushed: { to: PushSubscription; tag: string; until: number; at: number }[];
let answers: PushOutcome[];

/** The queue, as both hosts keep one: each hint is given to the consumer, and again when it says so. */
function queue(device: string): void {
  let last = '';
  simulator.trace = (_, actor, what) => {
    const seq = /^hinted wakeups (\d+)/.exec(what)?.[1];
    if (seq === undefined || !actor.endsWith(device)) return;
    last = seq;
    deliver(device, last, 1);
  };
}

function deliver(device: string, key: string, attempt: number): void {
  void consumer({ actor: { kind: 'device', name: device }, key }, attempt).then((outcome) => {
    if (!outcome.done) simulator.plan(outcome.retryAfterMs, () => deliver(device, key, attempt + 1));
  });
}

async function invite(weather: Weather = CALM): Promise<void> {
  const party = { account: ann.account, device: ann.devices[0]!.device };
  const looked = await town.ask<{ set: number; devices: { device: string; capability: string }[] }>(
    'account',
    bob.account,
    { do: 'lookup', caller: party, handle: bob.account, known: null },
  );
  const legs = looked.devices.map((leg, i) => ({ ...leg, message: `0${i}`.repeat(16), body: 'AAAA' }));
  simulator.weather = weather;
  caller.say({ verb: 'invite', call: CALL, attempt: 0, to: bob.account, media: ['audio'], set: looked.set, legs });
  await simulator.pass(300);
}

const phone = (): Phone => bob.devices[0]!;
const tell = <T>(body: object) => town.ask<T>('device', phone().device, body);
const subscribe = (subscription: PushSubscription = WEB) =>
  tell({ do: 'push-subscribe', subscription, secret: base64url(SECRET) });
const subscription = async () =>
  (await tell<{ subscription: PushSubscription | null }>({ do: 'push-subscription' })).subscription;
const alive = async (ms: number) => {
  for (let left = ms; left > 0; left -= 5_000) {
    caller.say({ verb: 'alive', call: CALL, attempt: 0 });
    await simulator.pass(Math.min(5_000, left));
  }
};
const eventsOf = async () =>
  (await tell<{ rows: { row: { type: string; reason: string | null } }[] }>({ do: 'events' })).rows.map(
    ({ row }) => `${row.type} ${row.reason}`,
  );

beforeEach(async () => {
  simulator.reset(7, CALM);
  pushed = [];
  answers = [];
  town = new Town(simulator);
  [ann, bob] = [await town.person(1), await town.person(1)];
  caller = new Courier(simulator, ann.devices[0]!);
  consumer = wakeDevices({
    actors: simulator as unknown as Actors,
    now: () => simulator.now,
    push: Promise.resolve({
      send: async (to, { tag, until }) => {
        pushed.push({ to, tag, until, at: simulator.now });
        return answers.shift() ?? { outcome: 'accepted' };
      },
    }),
  });
  queue(phone().device);
  await simulator.pass(100);
});

describe('a device without a connection', () => {
  it('is pushed to once per ring, with the tag of this ring and caller and nothing else', async () => {
    await subscribe();
    await invite();
    await alive(40_000);
    expect(pushed).toHaveLength(1);
    const { to, tag, until } = pushed[0]!;
    expect(to).toEqual(WEB);
    const rings = simulator.rows<{ id: string }>(`SELECT id FROM device_row WHERE id LIKE ?1`, `${CALL}%`);
    expect(rings.map(({ id }) => base64url(pushTag(SECRET, id, ann.account)))).toContain(tag);
    expect(until - simulator.now).toBeLessThanOrEqual(5_500);
    expect(await eventsOf()).toContain('push.sent fcm');
  });

  it('without a subscription is not pushed to, and nothing waits for one', async () => {
    await invite();
    await alive(20_000);
    expect(pushed).toEqual([]);
    expect(simulator.rows(`SELECT 1 FROM device_wakeup WHERE actor <> ''`)).toEqual([]);
  });

  it('is not pushed to for a call that was cancelled before the push left', async () => {
    await subscribe();
    answers = [{ outcome: 'retry', retryAfterMs: 3_000, detail: 'status-503' }];
    await invite();
    expect(pushed).toHaveLength(1);
    caller.say({ verb: 'cancel', call: CALL, attempt: 0 });
    await simulator.pass(20_000);
    expect(pushed).toHaveLength(1);
    const later = new Courier(simulator, phone());
    await simulator.pass(300);
    expect(later.heard).toEqual(['cancelled']);
    const rows = later.frames.filter((frame) => frame.topic === 'history').map((frame) => frame.body);
    expect(rows).toMatchObject([{ row: { outcome: 'cancelled', direction: 'incoming' } }]);
  });

  it('is pushed to again when the service says so, at the time it names, and no longer than it rings', async () => {
    await subscribe();
    answers = Array.from({ length: 40 }, () => ({ outcome: 'retry', retryAfterMs: 2_000, detail: 'status-429' }));
    await invite();
    await alive(60_000);
    expect(pushed.length).toBeGreaterThan(3);
    const pauses = pushed.slice(1).map(({ at }, i) => at - pushed[i]!.at);
    for (const pause of pauses) expect(pause).toBeGreaterThanOrEqual(2_000);
    expect(pauses.at(-1)).toBeGreaterThan(2 * pauses[0]!);
    for (const { at, until } of pushed) expect(at).toBeLessThan(until);
    expect(new Set(pushed.map(({ tag }) => tag)).size).toBe(1);
    expect(await eventsOf()).toContain('push.failed status-429');
  });

  it('whose subscription is gone loses it, and a newer one stays', async () => {
    await subscribe();
    answers = [{ outcome: 'gone' }];
    await invite();
    expect(await subscription()).toBe(null);
    expect(await eventsOf()).toContain('push.gone fcm');
    const newer: PushSubscription = { kind: 'fcm', token: 'another_token-0123456789' };
    await subscribe(newer);
    await tell({ do: 'push-gone', subscription: WEB });
    expect(await subscription()).toEqual(newer);
  });

  it('keeps its subscription when the deployment is misconfigured, which the operator hears', async () => {
    await subscribe();
    answers = [{ outcome: 'misconfigured', detail: 'status-403' }];
    await invite();
    await alive(20_000);
    expect(pushed).toHaveLength(1);
    expect(await subscription()).toEqual(WEB);
    expect(await eventsOf()).toContain('push.misconfigured status-403');
  });

  it('that was revoked is not pushed to', async () => {
    await subscribe();
    answers = [{ outcome: 'retry', retryAfterMs: 3_000, detail: 'status-503' }];
    await invite();
    await tell({ do: 'revoke', reason: 'lost' });
    await alive(20_000);
    expect(pushed).toHaveLength(1);
    expect(await subscription()).toBe(null);
  });

  it('sets the same subscription again without a change', async () => {
    const first = await subscribe();
    await simulator.pass(5_000);
    expect(await subscribe()).toEqual(first);
  });
});

describe('a push', () => {
  it('leaves once however often the hint comes at one moment', async () => {
    await subscribe();
    simulator.trace = null;
    await invite();
    const hint = { actor: { kind: 'device', name: phone().device }, key: '1' };
    const outcomes = Array.from({ length: 20 }, () => consumer(hint, 1));
    await simulator.pass(1_000);
    expect((await Promise.all(outcomes)).filter(({ done }) => done).length).toBeGreaterThan(0);
    expect(pushed).toHaveLength(1);
  });

  it('leaves although its first hint was lost', async () => {
    await subscribe();
    simulator.trace = null;
    await invite();
    expect(pushed).toEqual([]);
    queue(phone().device);
    await alive(15_000);
    expect(pushed).toHaveLength(1);
  });

  it('whose sender died leaves again under the same tag', async () => {
    await subscribe();
    simulator.trace = null;
    await invite();
    await tell({ do: 'wakeup', seq: 1 });
    queue(phone().device);
    await alive(40_000);
    expect(pushed).toHaveLength(1);
    expect(await eventsOf()).toContain('push.sent fcm');
  });

  it('is never doubled by a storm of lost, doubled and late hints and crashes of the actor', async () => {
    let total = 0;
    for (let seed = 1; seed <= 12; seed++) {
      simulator.reset(seed, CALM);
      pushed = [];
      town = new Town(simulator);
      [ann, bob] = [await town.person(1), await town.person(1)];
      caller = new Courier(simulator, ann.devices[0]!);
      await simulator.pass(100);
      await subscribe();
      queue(phone().device);
      await invite({ ...STORM, crashAfterCommit: 0, unanswered: 0 });
      await alive(40_000);
      total += pushed.length;
      expect(pushed.length).toBeLessThanOrEqual(1);
    }
    expect(total).toBeGreaterThan(6);
  });
});

describe('a woken device', () => {
  const greeting = { key: '', account: '', pushTokenHash: 'push' };
  let nonces = 0;
  const wake = (more: object = {}) =>
    tell<{ ok: boolean; reason?: string; calls: string[]; envelopes: { id: string; body: { type: string } }[] }>({
      do: 'wake',
      ...greeting,
      account: bob.account,
      key: phone().key,
      nonce: { id: `w${++nonces}`, until: Number.MAX_SAFE_INTEGER },
      tag: null,
      ...more,
    });

  it('hears of the call that its push was about, and of its invitation', async () => {
    await subscribe();
    await invite();
    const told = await wake({ tag: pushed[0]!.tag });
    expect(told.calls).toEqual([CALL]);
    expect(told.envelopes.map(({ body }) => body.type)).toEqual(['invite']);
    expect((await wake()).calls).toEqual([CALL]);
  });

  it('hears of a call that was cancelled meanwhile as such, and of nothing for a tag that is not its own', async () => {
    await subscribe();
    await invite();
    caller.say({ verb: 'cancel', call: CALL, attempt: 0 });
    await simulator.pass(300);
    const told = await wake({ tag: pushed[0]!.tag });
    expect(told.calls).toEqual([CALL]);
    expect(told.envelopes.map(({ body }) => body.type)).toEqual(['cancelled']);
    expect((await wake()).calls).toEqual([]);
    expect(await wake({ tag: 'A'.repeat(32) })).toMatchObject({ ok: true, calls: [], envelopes: [] });
  });

  it('acknowledges nothing by asking: the courier brings the same again', async () => {
    await subscribe();
    await invite();
    const [envelope] = (await wake()).envelopes;
    const later = new Courier(simulator, phone());
    await simulator.pass(300);
    expect(later.frames.filter(({ type }) => type === 'deliver').map((frame) => frame['id'])).toContain(envelope?.id);
  });

  it('proves who it is: another account, key or push token, and a hello that was used, are refused', async () => {
    const cases = [
      [{ account: ann.account }, 'another-key'],
      [{ key: 'other' }, 'another-key'],
      [{ pushTokenHash: 'other' }, 'push-token'],
    ] as const;
    for (const [more, reason] of cases) expect(await wake(more)).toMatchObject({ ok: false, reason });
    const nonce = { id: 'once', until: Number.MAX_SAFE_INTEGER };
    expect(await wake({ nonce })).toMatchObject({ ok: true });
    expect(await wake({ nonce })).toMatchObject({ ok: false, reason: 'hello-replayed' });
    await tell({ do: 'revoke', reason: 'lost' });
    expect(await wake()).toMatchObject({ ok: false, reason: 'device-revoked' });
  });
});
