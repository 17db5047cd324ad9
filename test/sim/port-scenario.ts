import type { Store } from '../../src/actors/kernel/store.ts';
import type { Address, Answer } from '../../src/actors/port.ts';
import type { Simulator } from '../../src/hosts/simulator/simulator.ts';
import type { SimulatedSocket } from '../../src/hosts/simulator/socket.ts';
import { CALM } from '../../src/hosts/simulator/weather.ts';
import { probe, type Probe, type Said } from '../port/probe.ts';
import type { Scenario } from './scenario.ts';

const NAMES = ['ann', 'bob', 'cat'] as const;
const ACTIONS = 24;
const ACTING_MS = 4_000;

const address = (name: string): Address => ({ kind: 'probe', name });

/** What the outside knows: what it asked for and what it was told. */
class Ledger {
  readonly counts = new Map<string, { name: string; by: number }>();
  readonly wakes = new Map<string, { name: string; acknowledged: boolean }>();
  /** The highest note number each probe acknowledged to have posted. */
  readonly posted = new Map<string, number>();
  readonly sockets: { name: string; socket: SimulatedSocket }[] = [];
}

async function act(simulator: Simulator, ledger: Ledger, step: number): Promise<void> {
  const { dice } = simulator;
  const name = dice.pick(NAMES);
  const to = dice.pick(NAMES.filter((other) => other !== name));
  const say = (key: string, said: Said): Promise<Answer> => simulator.command(address(name), key, said);
  switch (dice.below(8)) {
    case 0:
    case 1: {
      const by = dice.between(1, 9);
      ledger.counts.set(`count-${step}`, { name, by });
      await say(`count-${step}`, { verb: 'count', by });
      return;
    }
    case 2:
    case 3:
    case 4: {
      const forMs = dice.chance(0.3) ? dice.between(50, 1_500) : 900_000;
      const answer = await say(`post-${step}`, { verb: 'post', to, count: dice.between(1, 3), forMs });
      if (answer.ok)
        ledger.posted.set(name, Math.max(ledger.posted.get(name) ?? 0, (answer.value as { posted: number }).posted));
      return;
    }
    case 5: {
      const key = `wake-${step}`;
      ledger.wakes.set(key, { name, acknowledged: false });
      const answer = await say(key, { verb: 'wake', key, afterMs: dice.between(0, 1_000) });
      if (answer.ok) ledger.wakes.set(key, { name, acknowledged: true });
      return;
    }
    case 6:
      ledger.sockets.push({ name, socket: simulator.connect(address(name), [`s${step}`], { verb: 'hello' }) });
      return;
    case 7: {
      const open = ledger.sockets.filter(({ socket }) => socket.open);
      if (open.length === 0 || dice.chance(0.2)) return simulator.crash(address(name));
      const chosen = dice.pick(open);
      if (dice.chance(0.5)) return simulator.cut(address(chosen.name), chosen.socket);
      return simulator.send(address(chosen.name), chosen.socket, JSON.stringify({ verb: 'echo', text: `${step}` }));
    }
  }
}

/** Every count is asked again under its key until it is acknowledged, as a client would. */
async function insist(simulator: Simulator, ledger: Ledger): Promise<void> {
  for (const [key, { name, by }] of ledger.counts) {
    const answer = simulator.command(address(name), key, { verb: 'count', by });
    await simulator.pass(20);
    await answer;
  }
}

async function read(simulator: Simulator, name: string): Promise<Probe> {
  const answer = simulator.command(address(name), 'read', { verb: 'read' });
  await simulator.pass(20);
  const given = await answer;
  if (!given.ok) throw new Error(`${name} cannot be read in calm weather`);
  return given.value as unknown as Probe;
}

function judgeCounts(name: string, state: Probe, ledger: Ledger): string[] {
  const sum = [...ledger.counts.values()]
    .filter((count) => count.name === name)
    .reduce((total, { by }) => total + by, 0);
  return state.total === sum
    ? []
    : [`${name} counts ${state.total}, but was asked for ${sum}: a command was lost or applied twice`];
}

function judgeMail(name: string, state: Probe, states: ReadonlyMap<string, Probe>, ledger: Ledger): string[] {
  const broken: string[] = [];
  for (const sender of NAMES) {
    const numbers = state.log.filter((row) => row.what === 'mail' && row.who === sender).map((row) => row.n);
    if (numbers.some((n, i) => i > 0 && n <= (numbers[i - 1] as number)))
      broken.push(`${name} got the mail of ${sender} as ${numbers.join(' ')}: not once and in order`);
  }
  const answers = state.log.filter((row) => row.what === 'answered').map((row) => row.who.split(' '));
  const answered = answers.map(([, key]) => key);
  if (new Set(answered).size !== answered.length)
    broken.push(`${name} heard two answers to one mail: ${answered.join(' ')}`);
  for (let n = 1; n <= (ledger.posted.get(name) ?? 0); n++)
    if (!answered.includes(`note-${n}`)) broken.push(`${name} was never answered about its note ${n}`);
  for (const [to, key, reply] of answers) {
    const applied = states
      .get(to as string)
      ?.log.some((row) => row.what === 'mail' && row.who === name && `note-${row.n}` === key);
    if (reply !== 'unavailable' && !applied) broken.push(`${name} was told that ${to} has ${key}, but ${to} has not`);
  }
  return broken;
}

function judgeWakes(name: string, state: Probe, ledger: Ledger): string[] {
  return [...ledger.wakes].flatMap(([key, wake]) => {
    if (wake.name !== name) return [];
    const fired = state.log.filter((row) => row.what === 'due' && row.who === key).length;
    return fired === 1 || (fired === 0 && !wake.acknowledged)
      ? []
      : [`the deadline ${key} of ${name} fired ${fired} times`];
  });
}

function judgeSockets(name: string, state: Probe): string[] {
  const ends = (what: string) => state.log.filter((row) => row.what === what).map((row) => row.who);
  const [opened, closed] = [ends('opened').toSorted(), ends('closed').toSorted()];
  return JSON.stringify(opened) === JSON.stringify(closed)
    ? []
    : [`${name} saw ${opened.join(' ')} open and ${closed.join(' ')} close`];
}

/** A store that loses what receivers remember of their senders' numbers. */
function forgetful(store: Store): Store {
  return {
    all: (sql, binds) => store.all(sql, binds),
    run: (sql, binds) => (/^(UPDATE|INSERT INTO) port_heard/.test(sql) ? 1 : store.run(sql, binds)),
  };
}

export const portScenario: Scenario = {
  name: 'port',
  options: { actors: [probe] },
  planted: { 'forget-numbers': { wrapStore: forgetful } },

  async run(simulator) {
    const ledger = new Ledger();
    const acting: Promise<void>[] = [];
    for (let step = 0; step < ACTIONS; step++) {
      simulator.plan(simulator.dice.below(ACTING_MS), () => acting.push(act(simulator, ledger, step)));
    }
    await simulator.pass(ACTING_MS + 10_000);
    simulator.weather = { ...CALM, skewMs: simulator.weather.skewMs };
    for (const { name, socket } of ledger.sockets) if (socket.open) simulator.cut(address(name), socket);
    await simulator.pass(60_000);
    await Promise.all(acting);
    await insist(simulator, ledger);
    const states = new Map<string, Probe>();
    for (const name of NAMES) states.set(name, await read(simulator, name));
    return [...states].flatMap(([name, state]) => [
      ...judgeCounts(name, state, ledger),
      ...judgeMail(name, state, states, ledger),
      ...judgeWakes(name, state, ledger),
      ...judgeSockets(name, state),
    ]);
  },
};
