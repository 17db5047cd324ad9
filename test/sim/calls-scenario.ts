import type { Store } from '../../src/actors/kernel/store.ts';
import type { Call } from '../../src/calls/call.ts';
import { hex } from '../../src/bytes/hex.ts';
import type { Simulator } from '../../src/hosts/simulator/simulator.ts';
import { CALM, type Weather } from '../../src/hosts/simulator/weather.ts';
import type { Verb } from '../../src/protocol/call.ts';
import { type Person, Town } from '../actors/people.ts';
import { type Glare, judge } from './calls/judge.ts';
import { Handset, ROGUE_BODY, type Lookup, type Mood } from './calls/handset.ts';
import { fallSilent, neverLook } from './calls/silence.ts';
import { Witness } from './calls/witness.ts';
import type { Scenario } from './scenario.ts';

const ACTING_MS = 20_000;
const STORM_AFTER_MS = 15_000;
const MOODS: readonly Mood[] = [
  'accept',
  'accept',
  'accept',
  'decline-device',
  'decline-all',
  'ignore',
  'busy',
  'nothing',
];
const ROGUE = ['ringing', 'answer', 'decline', 'busy', 'cancel', 'confirm', 'hangup', 'alive', 'socket'] as const;
const CLOCKS_MS = 60_000;

const witness = new Witness();

/** What happened in all runs so far, so that a test can show that its stories were not empty. */
export const told = { calls: 0, talked: 0, merged: 0, declined: 0, missed: 0, refreshed: 0, replaced: 0 };

function count(simulator: Simulator, handsets: readonly Handset[]): void {
  for (const { state } of simulator.rows<{ state: string }>(`SELECT state FROM call_state`)) {
    const call = JSON.parse(state) as Call;
    told.calls++;
    if (handsets.filter((one) => one.sights.get(call.id)?.media).length === 2) told.talked++;
    if (call.reason === 'glare-merged') told.merged++;
    if (call.reason === 'declined') told.declined++;
    if (['cancelled', 'no-answer', 'unreachable'].includes(call.reason ?? '')) told.missed++;
    if (call.attempt > 0) told.refreshed++;
    if (call.reason === 'replaced') told.replaced++;
  }
}

async function populate(simulator: Simulator, town: Town): Promise<Handset[]> {
  const { dice } = simulator;
  const people: Person[] = [];
  for (let n = dice.between(2, 3); n > 0; n--) people.push(await town.person(dice.between(1, 3)));
  const contacts = people.map(({ account }) => account);
  const open = { blocked: [], quietUntil: null, contactsOnly: false, contacts };
  for (const { account } of people) await town.tell('account', account, { do: 'set-policy', policy: open });
  const handsets = people.flatMap(({ devices }) =>
    devices.map((phone) => new Handset(simulator, witness, phone, dice.between(-CLOCKS_MS, CLOCKS_MS))),
  );
  for (const one of handsets) {
    one.mood = dice.pick(MOODS);
    for (const { account } of people)
      if (account !== one.party.account) one.lookups.set(account, await lookup(town, one, account));
    if (dice.chance(0.8)) one.online();
  }
  return handsets;
}

function lookup(town: Town, { party }: Handset, account: string): Promise<Lookup> {
  return town.ask<Lookup>('account', account, { do: 'lookup', caller: party, handle: account, known: null });
}

/** Any verb of any device about any call; it keeps to no protocol. */
function rogue(simulator: Simulator, handsets: readonly Handset[]): void {
  const calls = simulator.rows<{ actor: string }>(`SELECT actor FROM call_state ORDER BY actor`);
  if (calls.length === 0) return;
  const { dice } = simulator;
  const rest = { message: hex(dice.bytes(16)), body: ROGUE_BODY, scope: 'all' };
  const verb = { verb: dice.pick(ROGUE), call: dice.pick(calls).actor, attempt: 0, ...rest };
  const one = dice.pick(handsets);
  const own = one.client.calls[verb.call] ?? one.client.tombstones[verb.call];
  if (!own) one.rogue(verb as Verb);
}

function act(simulator: Simulator, handsets: readonly Handset[]): void {
  const { dice } = simulator;
  const one = dice.pick(handsets);
  const others = handsets.filter((other) => other.party.account !== one.party.account);
  const other = dice.pick(others);
  switch (dice.below(12)) {
    case 0:
    case 1:
    case 2:
      return one.place(other.party.account);
    case 3: {
      const own = Object.values(one.client.calls).find(({ role, phase }) => role === 'caller' && phase !== 'merging');
      return own ? one.place(own.peer.account, hex(dice.bytes(16)), own.id) : one.place(other.party.account);
    }
    case 4:
      one.place(other.party.account);
      return void simulator.plan(dice.below(800), () => other.place(one.party.account));
    case 5:
      return one.hangupAll();
    case 6:
      one.offline();
      return void simulator.plan(dice.between(100, 30_000), () => one.online());
    case 7:
      return one.cut();
    case 8:
      return one.cutPlanes();
    case 9:
      return simulator.crash({
        kind: dice.pick(['device', 'account']),
        name: dice.pick([one.party.device, one.party.account]),
      });
    case 10:
      return crashCall(simulator);
    case 11:
      return rogue(simulator, handsets);
  }
}

function crashCall(simulator: Simulator): void {
  const calls = simulator.rows<{ actor: string }>(`SELECT actor FROM call_state ORDER BY actor`);
  if (calls.length > 0) simulator.crash({ kind: 'call', name: simulator.dice.pick(calls).actor });
}

/** Two devices call each other's accounts within a second; nobody accepts, declines or cancels anything. */
function planGlare(simulator: Simulator, handsets: readonly Handset[]): Glare {
  const { dice } = simulator;
  const a = dice.pick(handsets);
  const b = dice.pick(handsets.filter((other) => other.party.account !== a.party.account));
  const calls = [hex(dice.bytes(16)), hex(dice.bytes(16))] as const;
  for (const one of handsets) {
    one.mood = 'nothing';
    one.online();
  }
  simulator.plan(dice.below(2_000), () => a.place(b.party.account, calls[0]));
  simulator.plan(dice.below(2_000), () => b.place(a.party.account, calls[1]));
  return { calls, placers: [a, b] };
}

/** A call that is placed and taken back while nobody of the callee is online; then they come back, one after another. */
function planMissed(simulator: Simulator, handsets: readonly Handset[]): void {
  const { dice } = simulator;
  const caller = dice.pick(handsets);
  const callee = dice.pick(handsets.filter((other) => other.party.account !== caller.party.account)).party.account;
  const away = handsets.filter((one) => one.party.account === callee);
  caller.online();
  for (const one of away) one.offline();
  simulator.plan(dice.below(1_000), () => caller.place(callee));
  simulator.plan(dice.between(2_000, 12_000), () => caller.hangupAll());
  for (const one of away) simulator.plan(dice.between(4_000, 20_000), () => one.online());
}

/** Everybody is there and accepts whatever alerts. */
function planRace(simulator: Simulator, handsets: readonly Handset[]): void {
  for (const one of handsets) {
    one.mood = 'accept';
    one.online();
  }
  planAnything(simulator, handsets);
}

/** Two who accept talk on, long enough for one of them to fall silent. */
function planTalk(simulator: Simulator, handsets: readonly Handset[]): void {
  const { dice } = simulator;
  for (const one of handsets) {
    Object.assign(one, { mood: 'accept', talkMs: [120_000, 150_000] });
    one.online();
  }
  const caller = dice.pick(handsets);
  const callee = dice.pick(handsets.filter((other) => other.party.account !== caller.party.account));
  simulator.plan(dice.below(2_000), () => caller.place(callee.party.account));
}

function planAnything(simulator: Simulator, handsets: readonly Handset[]): void {
  const { dice } = simulator;
  for (let n = dice.between(4, 12); n > 0; n--) simulator.plan(dice.below(ACTING_MS), () => act(simulator, handsets));
}

function plan(simulator: Simulator, handsets: readonly Handset[]): Glare | null {
  const story = simulator.dice.below(11);
  if (story < 2) return planGlare(simulator, handsets);
  if (story === 2) planMissed(simulator, handsets);
  else if (story < 5) planRace(simulator, handsets);
  else if (story === 5) planTalk(simulator, handsets);
  else planAnything(simulator, handsets);
  return null;
}

async function run(simulator: Simulator): Promise<readonly string[]> {
  const storm: Weather = simulator.weather;
  const { dice } = simulator;
  witness.begin(simulator, dice.chance(0.5));
  simulator.weather = CALM;
  const handsets = await populate(simulator, new Town(simulator));
  await simulator.pass(100);
  simulator.weather = storm;
  const glare = plan(simulator, handsets);
  await simulator.pass(ACTING_MS + STORM_AFTER_MS);
  simulator.weather = { ...CALM, skewMs: storm.skewMs };
  const silence = await fallSilent(simulator, handsets);
  for (const one of handsets) one.online();
  await simulator.pass(60_000);
  for (const one of handsets) one.hangupAll();
  await simulator.pass(90_000);
  for (const one of handsets) one.cut();
  await simulator.pass(60_000);
  count(simulator, handsets);
  return [...witness.broken, ...silence, ...judge(simulator, handsets, glare)];
}

/** Receivers that do not remember their senders' numbers. */
function forgetNumbers(store: Store): Store {
  return {
    all: (sql, binds) => store.all(sql, binds),
    run: (sql, binds) => (/^(UPDATE|INSERT INTO) port_heard/.test(sql) ? 1 : store.run(sql, binds)),
  };
}

/** An account that does not see the calls between two accounts that are open already. */
function forgetPairs(store: Store): Store {
  return {
    all: (sql, binds) => (sql.includes('FROM account_pair') ? [] : store.all(sql, binds)),
    run: (sql, binds) => store.run(sql, binds),
  };
}

/** Two or three accounts with one to three devices each on the real actors, driven by the real client machine and inbox. */
export const callsScenario: Scenario = {
  name: 'calls',
  options: { actors: witness.actors() },
  planted: {
    winner: { actors: witness.actors('winner') },
    drained: { actors: witness.actors('drained') },
    'pair-lock': { wrapStore: forgetPairs },
    'forget-numbers': { wrapStore: forgetNumbers },
    'never-look': { actors: neverLook(witness.actors()) },
  },
  run,
};
