import type { Json } from '../../src/actors/port.ts';
import type { LogRow, Probe, Said } from '../port/probe.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { CALM, value, type Weather, type World } from '../port/world.ts';

/** What a run saw. `unknown` requests were cut off by the death of the process: they may or may not have been applied. */
export interface ChaosReport {
  readonly seed: number;
  readonly rounds: number;
  counts: { acknowledged: number; unknown: number };
  posts: { acknowledged: number; unknown: number };
  wakes: { acknowledged: number; unknown: number };
  /** Mails that were committed, each then found once and in order at its receiver. */
  mails: number;
  /** How many of the rounds had mail on its way when the process died. */
  interrupted: number;
  readonly violations: string[];
}

const PROBES = 4;
const HANDS = 12;
/** A life ends at a random moment after up to so many acknowledged requests, so that a slow machine has rounds as full as a fast one. */
const MOST_WORK = 30;
const LONGEST_LIFE_MS = 10_000;
const STORM: Weather = { lost: 0.05, unanswered: 0.15, twice: 0.15 };

/** mulberry32: the plan of a run repeats with its seed, the timing of two processes does not. */
function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What was asked of one probe, and what it acknowledged. */
interface Asked {
  readonly name: string;
  readonly counts: { readonly key: string; acknowledged: boolean }[];
  /** The highest mail number it said it had posted. */
  posted: number;
  readonly wakes: { readonly key: string; acknowledged: boolean }[];
}

/**
 * Kills the process of `world` once a round, at a random moment under load, and holds it to what it had acknowledged:
 * nothing lost, nothing applied twice, mail in order. Every second round the network is bad as well. After each, mail may be on its
 * way for `settledWithinMs`: what a broken host lost never comes, and is waited for so long.
 */
export async function chaos(
  world: World,
  rounds: number,
  seed: number,
  settledWithinMs = PATIENCE_MS,
): Promise<ChaosReport> {
  const report: ChaosReport = {
    seed,
    rounds,
    counts: { acknowledged: 0, unknown: 0 },
    posts: { acknowledged: 0, unknown: 0 },
    wakes: { acknowledged: 0, unknown: 0 },
    mails: 0,
    interrupted: 0,
    violations: [],
  };
  const random = dice(seed);
  for (let round = 0; round < rounds; round++) {
    const probes = Array.from({ length: PROBES }, (_, i): Asked => ({
      name: `chaos-${seed}-${round}-${i}`,
      counts: [],
      posted: 0,
      wakes: [],
    }));
    await world.weather(round % 2 === 0 ? CALM : STORM);
    const stopped = { yes: false };
    const load = Array.from({ length: HANDS }, () => work(world, probes, random, stopped, report));
    await untilWorked(world, report, Math.floor(random() * MOST_WORK), random() * 20);
    stopped.yes = true;
    await world.crash();
    await Promise.all(load);
    await world.weather(CALM);
    await judge(world, probes, report, settledWithinMs);
  }
  return report;
}

async function untilWorked(world: World, report: ChaosReport, work: number, moreMs: number): Promise<void> {
  const done = () => report.counts.acknowledged + report.posts.acknowledged + report.wakes.acknowledged;
  const goal = done() + work;
  for (let lived = 0; done() < goal && lived < LONGEST_LIFE_MS; lived += 2) await world.pass(2);
  await world.pass(moreMs);
}

/** One pair of hands: asks one thing after another; the last of them is cut off when the process dies. */
async function work(
  world: World,
  probes: readonly Asked[],
  random: () => number,
  stopped: { readonly yes: boolean },
  report: ChaosReport,
): Promise<void> {
  const one = () => probes[Math.floor(random() * probes.length)]!;
  while (!stopped.yes) {
    const asked = one();
    const what = random();
    if (what < 0.4) await count(world, asked, report);
    else if (what < 0.9) await post(world, asked, one().name, 1 + Math.floor(random() * 3), report);
    else await wake(world, asked, Math.floor(random() * 200), report);
    await world.pass(1);
  }
}

async function count(world: World, asked: Asked, report: ChaosReport): Promise<void> {
  const entry = { key: `c${asked.counts.length}`, acknowledged: false };
  asked.counts.push(entry);
  entry.acknowledged = (await world.command(asked.name, { verb: 'count', by: 1 }, entry.key)).ok;
  report.counts[entry.acknowledged ? 'acknowledged' : 'unknown']++;
}

async function post(world: World, asked: Asked, to: string, many: number, report: ChaosReport): Promise<void> {
  const answer = await world.command(asked.name, { verb: 'post', to, count: many, forMs: 600_000 });
  report.posts[answer.ok ? 'acknowledged' : 'unknown']++;
  if (answer.ok) asked.posted = Math.max(asked.posted, postedOf(answer.value));
}

async function wake(world: World, asked: Asked, afterMs: number, report: ChaosReport): Promise<void> {
  const entry = { key: `w${asked.wakes.length}`, acknowledged: false };
  asked.wakes.push(entry);
  entry.acknowledged = (await world.command(asked.name, { verb: 'wake', key: entry.key, afterMs })).ok;
  report.wakes[entry.acknowledged ? 'acknowledged' : 'unknown']++;
}

const postedOf = (answer: Json) => (answer as { posted: number }).posted;

async function judge(
  world: World,
  probes: readonly Asked[],
  report: ChaosReport,
  settledWithinMs: number,
): Promise<void> {
  const tell = async (name: string, said: Said, key?: string) => value(await world.command(name, said, key));
  const read = async (name: string) => (await tell(name, { verb: 'read' })) as unknown as Probe;
  const mine = (log: readonly LogRow[], what: string) => log.filter((row) => row.what === what);

  const found = new Map((await Promise.all(probes.map(({ name }) => read(name)))).map((p, i) => [probes[i]!.name, p]));
  const early = [...found.values()].flatMap(({ log }) => mine(log, 'mail')).length;

  const committed = new Map<string, number>();
  for (const { name, counts, posted } of probes) {
    for (const { key } of counts.filter(({ acknowledged }) => !acknowledged))
      await tell(name, { verb: 'count', by: 1 }, key);
    const posts = postedOf(await tell(name, { verb: 'post', to: name, count: 0, forMs: 600_000 }));
    if (posts < posted) report.violations.push(`${name} acknowledged ${posted} mails and kept ${posts}`);
    committed.set(name, posts);
  }
  const mails = [...committed.values()].reduce((sum, n) => sum + n, 0);
  report.mails += mails;
  if (early < mails) report.interrupted++;

  const settled = async () => {
    for (const { name, wakes } of probes) {
      const { log } = await read(name);
      const due = new Set(mine(log, 'due').map(({ who }) => who));
      if (mine(log, 'answered').length < committed.get(name)!) return false;
      if (wakes.some(({ key, acknowledged }) => acknowledged && !due.has(key))) return false;
    }
    return true;
  };
  for (let waited = 0; waited < settledWithinMs && !(await settled()); waited += 50) await world.pass(50);

  const logs = await Promise.all(
    probes.map(async ({ name }) => ({ name, log: (await read(name)).log, total: (await read(name)).total })),
  );
  for (const [i, { name, counts, wakes }] of probes.entries()) {
    const { log, total } = logs[i]!;
    if (total !== counts.length) report.violations.push(`${name} was to count ${counts.length} and counted ${total}`);
    for (const { key, acknowledged } of wakes) {
      const times = mine(log, 'due').filter(({ who }) => who === key).length;
      if (times > 1 || (acknowledged && times === 0))
        report.violations.push(`${name} was woken ${times} times by ${key}`);
    }
    const arrived = logs.map((at) => ({
      at: at.name,
      numbers: mine(at.log, 'mail')
        .filter(({ who }) => who === name)
        .map(({ n }) => n),
    }));
    for (const { at, numbers } of arrived) {
      if (numbers.some((n, j) => j > 0 && n <= numbers[j - 1]!))
        report.violations.push(`${at} got mail of ${name} as ${numbers.join(' ')}`);
    }
    const all = arrived.flatMap(({ numbers }) => numbers).sort((a, b) => a - b);
    const expected = Array.from({ length: committed.get(name)! }, (_, n) => n + 1);
    if (all.join() !== expected.join())
      report.violations.push(`${name} committed ${expected.length} mails; arrived were ${all.join(' ')}`);
  }
}
