import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOpen } from '../../src/calls/call.ts';
import type { Call } from '../../src/calls/call.ts';
import type { CallPolicy } from '../../src/calls/policy.ts';
import { ROLE_OF, rolesOf } from '../../src/calls/roles.ts';
import type { Party, Verb } from '../../src/protocol/call.ts';
import { World } from './world.ts';
import type { Answering, Broken, Weather } from './world.ts';

const id = (n: number): string => n.toString(16).padStart(32, '0');

const weather: fc.Arbitrary<Weather> = fc.record({
  delayMs: fc.constantFrom(5, 200, 1_500),
  loss: fc.constantFrom(0, 0.1, 0.3),
  repeat: fc.constantFrom(0, 0.3),
  collapse: fc.boolean(),
  stale: fc.constantFrom(0, 0.3),
});
const answering: fc.Arbitrary<Answering> = fc.constantFrom(
  'accept',
  'accept',
  'decline-device',
  'decline-all',
  'ignore',
  'busy',
  'nothing',
);
const person = fc.array(fc.record({ answering, afterMs: fc.nat(6_000), online: fc.boolean() }), {
  minLength: 1,
  maxLength: 5,
});
const action = fc.record({
  at: fc.oneof(fc.nat(3_000), fc.nat(60_000)),
  side: fc.constantFrom('A' as const, 'B' as const),
  device: fc.nat(4),
  do: fc.constantFrom('place', 'place', 'place', 'again', 'hangup', 'connect', 'cut', 'rogue'),
  /** `rogue`: this verb about any call, from a device that does not keep to the protocol. */
  verb: fc.constantFrom<Rogue>(
    'ringing',
    'answer',
    'decline',
    'ignore',
    'busy',
    'failed',
    'cancel',
    'confirm',
    'hangup',
    'signal',
    'alive',
    'socket',
    'leave',
  ),
  which: fc.nat(9),
});
const policy: fc.Arbitrary<CallPolicy> = fc.record({
  blocked: fc.constantFrom([], [], [], ['A']),
  quietUntil: fc.constantFrom(null, null, 20_000),
  contactsOnly: fc.boolean(),
  contacts: fc.constantFrom(['A'], ['A'], []),
});
const story = fc.record({
  seed: fc.integer(),
  weather,
  A: person,
  B: person,
  policy,
  actions: fc.array(action, { minLength: 1, maxLength: 10 }),
});
type Story = typeof story extends fc.Arbitrary<infer S> ? S : never;

/** Plays a story to its end and holds it against the invariants of research §2.5; those of one step are checked in it. */
function play({ seed, weather: sky, A, B, policy: rules, actions }: Story, broken: Broken = 'none'): World {
  const world = new World(seed, sky, broken);
  for (const [side, devices] of [
    ['A', A],
    ['B', B],
  ] as const) {
    for (const [place, device] of devices.entries()) {
      const added = world.add(side, `${side}${place}`, device.answering, device.afterMs);
      if (device.online) added.connect();
    }
  }
  world.account('B').policy = rules;
  for (const [n, { at, side, device, do: what, verb, which }] of actions.entries()) {
    const one = world.devices.get(`${side}${device % (side === 'A' ? A : B).length}`)!;
    /** Ids fall and rise over time, so that either call of a glare may be the lower one. */
    const call = id(1 + ((n * 7 + (seed & 7)) % 16) * 16 + n);
    world.at(1_000 + at, () => {
      if (what === 'place' || what === 'again') one.place(call, side === 'A' ? 'B' : 'A', what === 'again');
      else if (what === 'hangup') one.hangup();
      else if (what === 'connect') one.connect();
      else if (what === 'cut') one.cut();
      else rogue(world, one.party, verb, which);
    });
    world.at(1_000 + at + 51_000 + 3 * sky.delayMs, () => legsAreOver(world, call));
  }
  world.run(600_000);
  settled(world);
  return world;
}

type Rogue = Exclude<
  Verb['verb'],
  'invite' | 'add' | 'found' | 'join' | 'remove' | 'proofs' | 'keys' | 'keys-ack' | 'keys-again' | 'rekey'
>;

/** I8: whoever has not the verb's role is refused and changes nothing; a stranger does not even learn that there is a call. */
function rogue(world: World, party: Party, verb: Rogue, which: number): void {
  const actor = [...world.calls.values()][which];
  const before = actor?.call;
  if (!actor || !before) return;
  const rest = { message: 'f'.repeat(32), body: 'rogue', scope: 'all' };
  const reply = actor.command({
    type: 'verb',
    party,
    verb: { verb, call: before.id, attempt: before.attempt, ...rest } as Verb,
  });
  const roles = rolesOf(before, party);
  const may = verb === 'alive' ? roles.length > 0 : roles.includes(ROLE_OF[verb]);
  if (may) return;
  const reason = roles.length === 0 ? 'unknown-call' : 'wrong-role';
  world.demand(
    actor.call === before && reply?.ok === false && reply.reason === reason,
    'I8 role',
    `${party.device} ${verb}`,
  );
}

/** I3 (G6): by the ring deadline + 5 s no leg can still be answered, whatever was lost. */
function legsAreOver(world: World, call: string): void {
  const state = world.calls.get(call)?.call;
  const deadline = state?.ringDeadline;
  if (!state || deadline === null || deadline === undefined || world.now < deadline + 5_000) return;
  world.demand(!state.legs.some(isOpen), 'I3 legs end', JSON.stringify(state.legs));
}

function settled(world: World): void {
  for (const [call, actor] of world.calls) {
    const state = actor.call;
    if (!state) continue;
    world.demand(state.state === 'ended', 'every call ends', `${call} ${state.state}`);
    const rang = actor.events.filter((event) => event === 'call.ringing').length;
    const ended = actor.events.filter((event) => event === 'call.ended').length;
    world.demand(rang <= 1 && rang === ended, 'ringing once, ended once', actor.events.join(' '));
    historyAgrees(world, call);
    mediaAgrees(world, call);
  }
  for (const device of world.devices.values()) {
    world.demand(Object.keys(device.client.calls).length === 0, 'no client is left in a call', device.party.device);
  }
}

/** I4: both accounts have the same outcome; no row where another call has it, where it was refused, or where it was silenced unseen. */
function historyAgrees(world: World, call: string): void {
  const state = world.calls.get(call)!.call!;
  const rows = [...world.accounts.values()].flatMap((account) => account.history.get(call) ?? []);
  world.demand(rows.length === rowsOf(state), 'I4 one history row', `${call} ${state.reason} has ${rows.length}`);
  world.demand(new Set(rows.map((row) => row.outcome)).size <= 1, 'I4 same outcome', JSON.stringify(rows));
}

function rowsOf(call: Call): number {
  if (call.reason === 'glare-merged' || call.reason === 'expired') return 0;
  if (call.reason === 'replaced') return call.grantedAt === null ? 0 : 2;
  if (call.ringingAt === null) return call.refusal === null ? 1 : 0;
  return call.silence?.log === false ? 1 : 2;
}

/** I2, I7: media ran between the caller and the winner only, and each had the other as its peer. */
function mediaAgrees(world: World, call: string): void {
  const state = world.calls.get(call)!.call!;
  for (const device of world.devices.values()) {
    const peer = device.media.get(call);
    if (!peer) continue;
    const { device: name } = device.party;
    const other = name === state.caller.device ? state.winner : state.caller.device;
    world.demand([state.caller.device, state.winner].includes(name), 'I1 media without grant', `${name} in ${call}`);
    world.demand(peer.device === other, 'I7 wrong peer', `${name} talks to ${peer.device} in ${call}`);
  }
}

describe('random stories', () => {
  it('hold G5, G6 and the invariants under delay, loss, repetition, cut connections and every answer', () => {
    const seen = { connected: 0, merged: 0, missed: 0, denied: 0, silenced: 0, replaced: 0, refreshed: 0 };
    fc.assert(
      fc.property(story, (one) => {
        const world = play(one);
        for (const { call } of world.calls.values()) {
          if (call?.connectedAt) seen.connected++;
          if (call?.reason === 'glare-merged') seen.merged++;
          if (call?.reason === 'no-answer' || call?.reason === 'unreachable') seen.missed++;
          if (call?.legs.some((leg) => leg.state === 'lost')) seen.denied++;
          if (call?.silence) seen.silenced++;
          if (call?.reason === 'replaced') seen.replaced++;
          if (call?.attempt) seen.refreshed++;
        }
      }),
      { numRuns: 600 },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0);
  });
});

/** Both call each other within a second, nobody accepts, declines or cancels anything. */
const glare = fc.record({
  seed: fc.integer(),
  delayMs: fc.constantFrom(5, 200, 1_000),
  loss: fc.constantFrom(0, 0.2),
  repeat: fc.constantFrom(0, 0.3),
  apartMs: fc.nat(1_000),
  first: fc.constantFrom(1, 2),
  siblings: fc.nat(2),
});
type Glare = typeof glare extends fc.Arbitrary<infer S> ? S : never;

function playGlare({ seed, delayMs, loss, repeat, apartMs, first, siblings }: Glare, broken: Broken = 'none'): void {
  const world = new World(seed, { delayMs, loss, repeat, collapse: true, stale: 0 }, broken);
  for (const side of ['A', 'B'])
    for (let n = 0; n <= siblings; n++) world.add(side, `${side}${n}`, 'nothing', 0).connect();
  const [a, b] = [world.devices.get('A0')!, world.devices.get('B0')!];
  world.at(2_000, () => a.place(id(first), 'B'));
  world.at(2_000 + apartMs, () => b.place(id(3 - first), 'A'));
  world.run(600_000);
  settled(world);
  const calls = [...world.calls.values()].map(({ call }) => call!);
  const standing = calls.filter((call) => call.reason !== 'glare-merged');
  world.demand(
    standing.length === 1,
    'I9 exactly one call',
    calls.map((call) => `${call.id.slice(-1)} ${call.reason}`).join(', '),
  );
  const { id: survivor } = standing[0]!;
  world.demand([...a.media.keys()].join() === survivor, 'I9 both agree', `A talks in ${[...a.media.keys()].join()}`);
  world.demand([...b.media.keys()].join() === survivor, 'I9 both agree', `B talks in ${[...b.media.keys()].join()}`);
  world.demand(a.redials.length + b.redials.length === 0, 'I9 nobody dials again', '');
}

describe('glare (I9)', () => {
  it('leaves exactly one call, connected between the two placing devices, under any delay', () => {
    fc.assert(
      fc.property(glare, (one) => playGlare(one)),
      { numRuns: 400 },
    );
  });
});

/** Each rule is left out once; the property that misses it is part of the claim. */
describe('broken on purpose', () => {
  function caught(property: fc.IRawProperty<unknown>): string {
    const details = fc.check(property, { numRuns: 3_000, endOnFailure: true }) as fc.RunDetails<unknown>;
    return details.errorInstance instanceof Error ? details.errorInstance.message : 'not caught';
  }

  it('without the winner check, two devices are granted: caught by I2', () => {
    const both = story.map((one) => ({
      ...one,
      policy: { blocked: [], quietUntil: null, contactsOnly: false, contacts: [] },
      A: one.A,
      B: one.B.map((device) => ({ ...device, answering: 'accept' as const, online: true })),
    }));
    expect(caught(fc.property(both, (one) => void play(one, 'winner')))).toMatch(/^I2 one winner/);
  });

  it('without the drained rule, a call that ended while the device was away rings: caught by I5', () => {
    expect(
      caught(
        fc.property(story, (one) => void play({ ...one, weather: { ...one.weather, collapse: false } }, 'drained')),
      ),
    ).toMatch(/^I5 no alert after the end in one drain/);
  });

  it('without the pair lock, both calls ring: caught by I9', () => {
    expect(caught(fc.property(glare, (one) => playGlare(one, 'pair-lock')))).toMatch(/^I9 exactly one call/);
  });
});
