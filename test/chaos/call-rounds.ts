import { eventsAfter, type Operator } from '../../cli/support/server.ts';
import type { Server } from '../../demo/server.ts';
import type { HistoryRow } from '../../src/protocol/history.ts';
import { type Call, CallsignError, type Peer } from '../../src/sdk/index.ts';
import { type Callee, makeTown, type Phone, type Town } from './call-town.ts';
import { skyOf } from './rough.ts';

/** What a run saw. All but `calls`, `talked` and what was done to them (`kills`, `longestAway`, `drops`, `doubled`, `delayed`, `cutOff`) must be zero. */
export interface CallReport {
  readonly seed: number;
  calls: number;
  /** Calls in which both sides had media. */
  talked: number;
  kills: number;
  /** How long the server was away at most, ms. */
  longestAway: number;
  drops: number;
  /** Calls that more than one device of the callee talked in. */
  doubleAnswers: number;
  /** Devices that began to ring after the end of the call was known to its caller, or that never stopped. */
  ghostRings: number;
  /** Calls that were acknowledged to ring and left no row, and rows that did not reach a device of their account. */
  lostAcknowledged: number;
  /** Calls that alerted twice on one device, and rows that came to one application twice. */
  duplicatesSeenByApp: number;
  /** Rows whose outcome differs between the two accounts, or from what happened. */
  wrongHistory: number;
  /** Calls that some device still holds when everything is calm. */
  stuckCalls: number;
  /** Calls whose feed has not one `call.ended` after one `call.ringing`. */
  wrongEvents: number;
  /** What the network did beside the cuts. */
  doubled: number;
  delayed: number;
  cutOff: number;
  /** How the calls ended, by their reasons. */
  readonly reasons: Record<string, number>;
  readonly complaints: string[];
}

type Plan = 'accept' | 'accept-both' | 'decline' | 'cancel' | 'ignore';
const PLANS: readonly Plan[] = ['accept', 'accept', 'accept-both', 'accept-both', 'decline', 'cancel', 'ignore'];

/** How long a caller waits for a call to be had before it hangs up; a slow host is killed as often as a fast one. */
const PATIENCE_MS = 40_000;
/** How long it rings where nobody will answer. */
const HOPE_MS = 4_000;
/**
 * A server lives until its calls have gone on by up to so many steps a lane (an invitation acknowledged, a ring, media, an end),
 * and a connection is cut after a few, so that a slow machine sees as much of each call as a fast one; without any step, by time.
 */
const STEPS_OF_A_LIFE = 15;
const STEPS_BETWEEN_CUTS = 8;
const LONGEST_LIFE_MS = 10_000;
const LONGEST_WITHOUT_CUT_MS = 3_000;
/** A run in which fewer calls than this share of them were talked shows too little to pass. */
const TALKED_AT_LEAST = 0.05;
const LONGER_BY = 6;
const SETTLED_WITHIN_MS = 180_000;
/**
 * A ring that began this long after the end was known is a ghost; sooner, its invitation was being opened. A server that was killed
 * between telling the one and the other comes first: as long as its longest start is allowed besides.
 */
const OPENING_MS = 2_000;

interface Placed {
  readonly caller: Phone;
  readonly callee: Callee;
  readonly call: Call;
  readonly plan: Plan;
  acknowledged: boolean;
  readonly talkedAt: Set<string>;
  callerTalked: boolean;
}

/** How far all calls have come together, until the last of them is over. */
interface Progress {
  steps: number;
  over: boolean;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** mulberry32: the plan of a run repeats with its seed, the timing of processes does not. */
function diceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Calls through the SDK while the server dies and comes back and sockets are cut; then everything is held to account. */
export async function callChaos(
  server: Server,
  feed: Operator,
  options: { calls: number; seed: number; lanes: number; log?: (line: string) => void },
): Promise<CallReport> {
  const { calls, seed, lanes, log = () => undefined } = options;
  const report: CallReport = {
    seed,
    calls: 0,
    talked: 0,
    kills: 0,
    longestAway: 0,
    drops: 0,
    doubleAnswers: 0,
    ghostRings: 0,
    lostAcknowledged: 0,
    duplicatesSeenByApp: 0,
    wrongHistory: 0,
    stuckCalls: 0,
    wrongEvents: 0,
    doubled: 0,
    delayed: 0,
    cutOff: 0,
    reasons: {},
    complaints: [],
  };
  const random = diceOf(seed);
  const sky = skyOf(random);
  const town = await makeTown(server, lanes, 2, sky);
  log(`${lanes} callers and ${lanes} callees with two devices each`);
  const placed: Placed[] = [];
  const progress: Progress = { steps: 0, over: false };
  sky.rough = true;
  const trouble = Promise.all([kill(server, random, lanes, progress, report), drop(town, random, progress, report)]);
  await Promise.all(
    town.callers.map(async (caller, lane) => {
      for (let round = 0; !isEnough(calls, placed, report); round++) {
        const callee = town.callees[(lane + round) % lanes]!;
        const plan = PLANS[Math.floor(random() * PLANS.length)]!;
        await oneCall(caller, callee, plan, random, placed, report, progress);
        log(`${placed.length} calls, ${report.kills} kills`);
      }
    }),
  );
  progress.over = true;
  await trouble;
  sky.rough = false;
  log('calm');
  await settle(town, placed);
  log('settled');
  await judge(town, placed, report);
  if (report.talked < Math.max(1, Math.floor(calls * TALKED_AT_LEAST)))
    report.complaints.push(`of ${report.calls} calls ${report.talked} were talked: this run shows nothing`);
  await judgeFeed(feed, report);
  const { doubled, delayed, cutOff } = sky;
  Object.assign(report, { doubled, delayed, cutOff });
  for (const phone of phonesOf(town)) phone.client.close();
  return report;
}

/** A short run goes on until something was talked and something was killed, for so many times its calls. */
function isEnough(calls: number, placed: readonly Placed[], { kills }: CallReport): boolean {
  const shown = kills > 0 && placed.some(({ callerTalked, talkedAt }) => callerTalked && talkedAt.size > 0);
  return placed.length >= (shown ? calls : LONGER_BY * calls);
}

const phonesOf = ({ callers, callees }: Town): Phone[] => [...callers, ...callees.flatMap(({ phones }) => phones)];

/** Until so many steps more were taken, or so much time has passed. */
async function untilGoneOn(progress: Progress, steps: number, mostMs: number): Promise<void> {
  const goal = progress.steps + steps;
  for (const deadline = Date.now() + mostMs; progress.steps < goal && Date.now() < deadline && !progress.over;)
    await sleep(10);
}

async function kill(
  server: Server,
  random: () => number,
  lanes: number,
  progress: Progress,
  report: CallReport,
): Promise<void> {
  while (!progress.over) {
    await untilGoneOn(progress, random() * lanes * STEPS_OF_A_LIFE, LONGEST_LIFE_MS);
    await sleep(random() * 200);
    if (progress.over) return;
    const killed = Date.now();
    await server.restart();
    report.longestAway = Math.max(report.longestAway, Date.now() - killed);
    report.kills++;
  }
}

async function drop(town: Town, random: () => number, progress: Progress, report: CallReport): Promise<void> {
  const phones = phonesOf(town);
  while (!progress.over) {
    await untilGoneOn(progress, random() * STEPS_BETWEEN_CUTS, LONGEST_WITHOUT_CUT_MS);
    await sleep(random() * 200);
    phones[Math.floor(random() * phones.length)]!.dropSockets(random);
    report.drops++;
  }
}

/** As often as it takes: a killed server may need longer to come back than a client waits for one answer. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof CallsignError) || error.code !== 'network') throw error;
      await sleep(500);
    }
  }
}

async function found(caller: Phone, { handle }: Callee): Promise<Peer> {
  const peer = await patiently(() => caller.client.find(handle, { claim: true }));
  if (!peer) throw new Error(`${handle} was not found`);
  return peer;
}

async function oneCall(
  caller: Phone,
  callee: Callee,
  plan: Plan,
  random: () => number,
  placed: Placed[],
  report: CallReport,
  progress: Progress,
): Promise<void> {
  const call = caller.client.call(await found(caller, callee));
  const one: Placed = { caller, callee, call, plan, acknowledged: false, talkedAt: new Set(), callerTalked: false };
  placed.push(one);
  report.calls++;
  call.on('phase', (phase) => {
    progress.steps++;
    if (phase === 'remote-ringing') one.acknowledged = true;
  });
  const chosen = callee.phones[Math.floor(random() * callee.phones.length)]!;
  for (const phone of callee.phones)
    phone.onRing = (at, ringing) => react(placed, at, ringing, chosen, random, progress);
  const patience = plan === 'cancel' || plan === 'ignore' ? 300 + random() * HOPE_MS : PATIENCE_MS;
  const timer = setTimeout(() => caller.client.hangup(call), patience);
  call.on('media', () => {
    one.callerTalked = true;
    clearTimeout(timer);
    setTimeout(() => caller.client.hangup(call), 300 + random() * 2_000);
  });
  const { reason } = await call.next('ended');
  clearTimeout(timer);
  report.reasons[reason] = (report.reasons[reason] ?? 0) + 1;
  await sleep(random() * 400);
}

/** What the user of `phone` does about a call that alerts: by the plan of its caller. */
function react(
  placed: readonly Placed[],
  phone: Phone,
  call: Call,
  chosen: Phone,
  random: () => number,
  progress: Progress,
): void {
  call.on('phase', () => void progress.steps++);
  const one = placed.find((other) => other.call.id === call.id);
  if (!one || one.plan === 'cancel') return;
  call.on('media', () => one.talkedAt.add(phone.name));
  setTimeout(() => {
    if (one.plan === 'accept-both' || (one.plan === 'accept' && phone === chosen)) phone.client.accept(call);
    if (one.plan === 'decline' && phone === chosen) phone.client.decline(call, 'all');
    if (one.plan === 'ignore' && phone === chosen) phone.client.decline(call, 'device');
  }, random() * 800);
}

/** Until no device holds a call and every device has the rows of its account. */
async function settle(town: Town, placed: readonly Placed[]): Promise<void> {
  for (const deadline = Date.now() + SETTLED_WITHIN_MS; Date.now() < deadline; await sleep(500)) {
    if (stuck(town, placed).length > 0) continue;
    const complete = await Promise.all(phonesOf(town).map(async (phone) => missing(phone, await rowsOf(phone)) === 0));
    if (complete.every(Boolean)) return;
  }
}

function stuck(town: Town, placed: readonly Placed[]): string[] {
  return [
    ...placed.filter(({ call }) => call.phase !== 'ended').map(({ caller, call }) => `${caller.name} ${call.id}`),
    ...phonesOf(town).flatMap(({ name, rings }) =>
      rings.filter(({ call }) => call.phase !== 'ended').map(({ call }) => `${name} ${call.phase} ${call.id}`),
    ),
  ];
}

function rowsOf(phone: Phone): Promise<HistoryRow[]> {
  return patiently(() => phone.client.history());
}

function missing({ history }: Phone, rows: readonly HistoryRow[]): number {
  return rows.filter(({ call }) => !history.some(({ row }) => row.call === call)).length;
}

async function judge(town: Town, placed: readonly Placed[], report: CallReport): Promise<void> {
  const complain = (
    what: 'doubleAnswers' | 'ghostRings' | 'lostAcknowledged' | 'duplicatesSeenByApp' | 'wrongHistory' | 'stuckCalls',
    text: string,
  ) => {
    report[what]++;
    report.complaints.push(`${what}: ${text}`);
  };
  for (const left of stuck(town, placed)) complain('stuckCalls', left);
  for (const phone of phonesOf(town)) {
    const lost = missing(phone, await rowsOf(phone));
    if (lost > 0) complain('lostAcknowledged', `${phone.name} lacks ${lost} rows of its account's history`);
    if (repeated(phone.history.map(({ row }) => row.call)))
      complain('duplicatesSeenByApp', `${phone.name} saw a row twice`);
    if (repeated(phone.rings.map(({ call }) => call.id)))
      complain('duplicatesSeenByApp', `${phone.name} alerted twice`);
    if (phone.closed.length > 0) complain('stuckCalls', `${phone.name} was closed for good: ${phone.closed.join(' ')}`);
  }
  for (const one of placed) {
    if (one.callerTalked && one.talkedAt.size > 0) report.talked++;
    judgeCall(one, OPENING_MS + report.longestAway, complain);
  }
}

/** The whole feed of calls, by call: the types of its events in their order. */
async function storiesOf(feed: Operator): Promise<ReadonlyMap<string, string[]>> {
  const stories = new Map<string, string[]>();
  for (let cursor = 0; ;) {
    const page = await eventsAfter(feed, cursor, 'call.ringing,call.ended');
    for (const { subject, type } of page) stories.set(subject, [...(stories.get(subject) ?? []), type]);
    const last = page.at(-1);
    if (!last) return stories;
    cursor = last.cursor;
  }
}

const isWhole = (story: readonly string[]): boolean => story.join() === 'call.ringing,call.ended';

/** Events are shipped behind the calls: what is not whole is looked at again until it must be. */
async function judgeFeed(feed: Operator, report: CallReport): Promise<void> {
  let stories = await storiesOf(feed);
  for (const deadline = Date.now() + SETTLED_WITHIN_MS; Date.now() < deadline; await sleep(1_000)) {
    if ([...stories.values()].every(isWhole)) break;
    stories = await storiesOf(feed);
  }
  for (const [call, story] of stories) {
    if (isWhole(story)) continue;
    report.wrongEvents++;
    report.complaints.push(`wrongEvents: ${call.slice(0, 6)} has ${story.join(' ')}`);
  }
  if (stories.size === 0) report.complaints.push('wrongEvents: the feed knows of no call');
}

const repeated = (ids: readonly string[]): boolean => new Set(ids).size !== ids.length;

function judgeCall(
  { caller, callee, call, plan, acknowledged, talkedAt, callerTalked }: Placed,
  openingMs: number,
  complain: (what: 'doubleAnswers' | 'ghostRings' | 'lostAcknowledged' | 'wrongHistory', text: string) => void,
): void {
  const name = `${call.id.slice(0, 6)} (${plan})`;
  if (talkedAt.size > 1) complain('doubleAnswers', `${name} was talked at ${[...talkedAt].join(' and ')}`);
  const own = caller.history.find(({ row }) => row.call === call.id);
  const theirs = callee.phones[0]?.history.find(({ row }) => row.call === call.id);
  const rings = callee.phones.flatMap((phone) => phone.rings.filter((ring) => ring.call.id === call.id));
  if (acknowledged && !own) complain('lostAcknowledged', `${name} rang and its caller has no row`);
  if (rings.length > 0 && !theirs) complain('lostAcknowledged', `${name} rang and its callee has no row`);
  for (const ring of rings)
    if (own && ring.at > own.at + openingMs)
      complain('ghostRings', `${name} rang ${ring.at - own.at} ms after its end`);
  if (own && theirs && own.row.outcome !== theirs.row.outcome)
    complain('wrongHistory', `${name} is ${own.row.outcome} for its caller and ${theirs.row.outcome} for its callee`);
  const talked = callerTalked && talkedAt.size > 0;
  if (own && talked && own.row.outcome !== 'answered')
    complain('wrongHistory', `${name} was talked and is ${own.row.outcome}`);
  const touched = plan === 'accept' || plan === 'accept-both';
  if (own?.row.outcome === 'answered' && !touched)
    complain('wrongHistory', `${name} is answered and nobody accepted it`);
}
