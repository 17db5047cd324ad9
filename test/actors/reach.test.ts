import { beforeEach, describe, expect, it } from 'vitest';
import type { Actors, Json } from '../../src/actors/port.ts';
import { Simulator } from '../../src/hosts/simulator/simulator.ts';
import { CALM } from '../../src/hosts/simulator/weather.ts';
import { reachLegs } from '../../src/jobs/hints.ts';
import { Courier } from './courier.ts';
import { actors, type Person, Town } from './people.ts';

const CALL = 'c0'.repeat(16);
const RING_MS = 45_000;
let blocked = '';
/** The device named here cannot take a turn, as one whose disk is full. */
const moody = actors.map((actor) =>
  actor.kind === 'device'
    ? {
        ...actor,
        turn(...[t, event]: Parameters<typeof actor.turn>) {
          if (t.self.name === blocked) throw new Error('no turn here');
          return actor.turn(t, event as never);
        },
      }
    : actor,
) as typeof actors;
const simulator = new Simulator({ actors: moody });
let town: Town;
let ann: Person;
let bob: Person;
let caller: Courier;

async function invite(): Promise<void> {
  const party = { account: ann.account, device: ann.devices[0]!.device };
  const looked = await town.ask<{ set: number; devices: { device: string; capability: string }[] }>(
    'account',
    bob.account,
    { do: 'lookup', caller: party, handle: bob.account, known: null },
  );
  const legs = looked.devices.map((leg, i) => ({ ...leg, message: `0${i}`.repeat(16), body: 'AAAA' }));
  caller.say({ verb: 'invite', call: CALL, attempt: 0, to: bob.account, media: ['audio'], set: looked.set, legs });
  await simulator.pass(500);
}

const hinted = async (): Promise<Json> => {
  const answer = await simulator.hinted({ kind: 'call', name: CALL }, 'invitations', 'legs');
  return answer.ok ? answer.value : answer.reason;
};
const alive = async (ms: number) => {
  for (let left = ms; left > 0; left -= 5_000) {
    caller.say({ verb: 'alive', call: CALL, attempt: 0 });
    await simulator.pass(Math.min(5_000, left));
  }
};

beforeEach(async () => {
  simulator.reset(1, CALM);
  blocked = '';
  town = new Town(simulator);
  [ann, bob] = [await town.person(1), await town.person(2)];
  caller = new Courier(simulator, ann.devices[0]!);
  await simulator.pass(100);
});

describe('an invitation that no mailbox takes', () => {
  it('is asked for again through the queue until it is taken, and then no more', async () => {
    const hints: string[] = [];
    simulator.trace = (_, actor, what) => {
      if (what.startsWith('hinted invitations')) hints.push(actor);
    };
    blocked = bob.devices[1]!.device;
    await invite();
    expect(await hinted()).toEqual({ pending: 1 });
    await alive(10_000);
    expect(hints.length).toBeGreaterThan(1);
    blocked = '';
    await alive(10_000);
    expect(await hinted()).toEqual({ pending: 0 });
    const before = hints.length;
    await alive(15_000);
    expect(hints.length).toBe(before);
    simulator.trace = null;
  });

  it('makes nothing unreachable before the ring deadline: the call alone decides', async () => {
    blocked = bob.devices[1]!.device;
    await invite();
    await alive(RING_MS - 5_000);
    expect(caller.heard).not.toContain('ended');
    await alive(10_000);
    expect(caller.body('ended')).toMatchObject({ reason: 'unreachable' });
    expect(await hinted()).toEqual({ pending: 0 });
  });
});

describe('the consumer of the queue', () => {
  const consumer = (answer: Awaited<ReturnType<Actors['hinted']>>) =>
    reachLegs({ hinted: async () => answer } as unknown as Actors);
  const hint = { actor: { kind: 'call', name: CALL }, key: 'legs' };

  it('is done when nothing is pending, and comes back later each time while anything is', async () => {
    expect(await consumer({ ok: true, value: { pending: 0 } })(hint, 1)).toEqual({ done: true });
    const pauses = await Promise.all([1, 2, 3, 20].map((n) => consumer({ ok: true, value: { pending: 2 } })(hint, n)));
    expect(pauses.map((one) => (one.done ? 0 : one.retryAfterMs))).toEqual([1_000, 2_000, 4_000, 30_000]);
  });

  it('takes unavailable for unknown, never for done', async () => {
    expect(await consumer({ ok: false, reason: 'unavailable' })(hint, 1)).toMatchObject({ done: false });
  });
});
