import type { Call } from '../../src/calls/call.ts';
import type { Simulator } from '../../src/hosts/simulator/simulator.ts';
import { CALM, type Weather } from '../../src/hosts/simulator/weather.ts';
import { type Person, Town } from '../actors/people.ts';
import { Handset, type Lookup } from './calls/handset.ts';
import { judge } from './calls/judge.ts';
import { fallSilent, neverLook } from './calls/silence.ts';
import { stateOf, Witness } from './calls/witness.ts';
import { Member } from './groups/member.ts';
import { GroupWatch } from './groups/watch.ts';
import type { Scenario } from './scenario.ts';

const ACTING_MS = 30_000;
const STORM_AFTER_MS = 45_000;
const CLOCKS_MS = 60_000;
/** Until the first two talk: both think for up to eight seconds. */
const MEETING_MS = 15_000;

const witness = new Witness();
const watch = new GroupWatch((what) => witness.blame(what));
witness.groups = watch;

/** What happened in all runs so far, so that a test can show that its stories were not empty. */
export const told = watch.seen;

async function populate(simulator: Simulator, town: Town): Promise<Member[]> {
  const { dice } = simulator;
  const people: Person[] = [];
  for (let n = dice.between(3, 4); n > 0; n--) people.push(await town.person(dice.between(1, 2)));
  const contacts = people.map(({ account }) => account);
  const open = { blocked: [], quietUntil: null, contactsOnly: false, contacts };
  for (const { account } of people) await town.tell('account', account, { do: 'set-policy', policy: open });
  const handsets = people.flatMap(({ devices }) =>
    devices.map((phone) => new Handset(simulator, witness, phone, dice.between(-CLOCKS_MS, CLOCKS_MS))),
  );
  for (const one of handsets) {
    one.mood = 'accept';
    one.talkMs = [20_000, 120_000];
    const { party } = one;
    for (const { account } of people) {
      const ask = { do: 'lookup', caller: party, handle: account, known: null };
      if (account !== party.account) one.lookups.set(account, await town.ask<Lookup>('account', account, ask));
    }
    one.online();
  }
  return handsets.map((one) => new Member(simulator, one));
}

/** Shorter than a lease, or longer. */
const awayMs = (dice: Simulator['dice']): number =>
  dice.chance(0.3) ? dice.below(20_000) : dice.between(32_000, 60_000);

/** What a user in the group does, or its network, or one of the actors' machines. */
function act(simulator: Simulator, call: string, members: readonly Member[]): void {
  const { dice } = simulator;
  const talking = members.filter((one) => one.call === call);
  const one = dice.pick(talking.length > 0 ? talking : members);
  const others = members.filter(({ party }) => party.account !== one.party.account);
  const other = dice.pick(others);
  const there = others.filter((each) => each.call === call);
  switch (dice.below(14)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return one.add(call, other.party.account);
    case 4:
    case 5:
      return one.remove(call, dice.pick(there.length > 0 ? there : others).party);
    case 6:
      return one.leave(call);
    case 7:
      other.handset.mood = dice.pick(['accept', 'decline-all', 'ignore', 'nothing']);
      return one.add(call, other.party.account);
    case 8:
      return dice.chance(0.5) ? one.handset.cutPlanes() : one.handset.cut();
    case 9:
    case 10:
      one.handset.offline();
      return void simulator.plan(awayMs(dice), () => one.handset.online());
    case 11:
      return simulator.crash({ kind: 'call', name: call });
    case 12:
      return simulator.crash({ kind: dice.pick(['device', 'account']), name: dice.pick(Object.values(one.party)) });
    case 13:
      return outOfTurn(simulator, call, dice.pick(members));
  }
}

/** Any group verb of anybody, in the call or not, about epochs that are over or never were. */
function outOfTurn({ dice }: Simulator, call: string, one: Member): void {
  switch (dice.below(5)) {
    case 0:
      return one.join(call);
    case 4:
      return one.catchUp(call, dice.pick(['proofs', 'keys-again', 'rekey']));
    case 1:
      return one.keys(call, dice.below(6));
    case 2:
      return one.acknowledge(call, dice.below(6), [dice.below(6), dice.below(6)]);
    case 3:
      return one.remove(call, one.party);
  }
}

/** When all is calm and nobody acts, the last epoch is in force. */
function judgeCalm(state: Call | null): string[] {
  if (!state?.group || state.state === 'ended') return [];
  const { epoch, active, prepareAt } = state.group;
  return epoch === active && prepareAt === null ? [] : [`an epoch comes into force: ${epoch} did not, ${active} is`];
}

async function run(simulator: Simulator): Promise<readonly string[]> {
  const storm: Weather = simulator.weather;
  const { dice } = simulator;
  watch.begin();
  witness.begin(simulator, dice.chance(0.5));
  simulator.weather = CALM;
  const members = await populate(simulator, new Town(simulator));
  const handsets = members.map(({ handset }) => handset);
  // Long enough for one of them to fall silent after the storm.
  if (dice.chance(0.4)) for (const one of handsets) one.talkMs = [150_000, 200_000];
  const caller = dice.pick(members);
  const callee = dice.pick(members.filter(({ party }) => party.account !== caller.party.account));
  caller.handset.place(callee.party.account);
  await simulator.pass(MEETING_MS);
  const { call } = caller;
  simulator.weather = storm;
  if (call !== null)
    for (let n = dice.between(8, 16); n > 0; n--)
      simulator.plan(dice.below(ACTING_MS), () => act(simulator, call, members));
  await simulator.pass(ACTING_MS + STORM_AFTER_MS);
  simulator.weather = { ...CALM, skewMs: storm.skewMs };
  const silence = await fallSilent(simulator, handsets);
  for (const one of handsets) one.online();
  await simulator.pass(60_000);
  const calm = call === null ? [] : judgeCalm(stateOf(simulator, call));
  for (const one of handsets) one.hangupAll();
  await simulator.pass(90_000);
  for (const one of handsets) one.cut();
  await simulator.pass(60_000);
  return [...witness.broken, ...silence, ...calm, ...judge(simulator, handsets, null, watch)];
}

/** Three or four accounts: two of them talk, then anybody of the call adds, removes and leaves, in a storm. */
export const groupsScenario: Scenario = {
  name: 'groups',
  options: { actors: witness.actors() },
  planted: {
    participants: { actors: witness.actors('participants') },
    stranger: { actors: witness.actors('stranger') },
    'never-look': { actors: neverLook(witness.actors()) },
  },
  run,
};
