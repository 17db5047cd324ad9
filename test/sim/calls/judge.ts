import type { Call } from '../../../src/calls/call.ts';
import type { Simulator } from '../../../src/hosts/simulator/simulator.ts';
import type { EventRow } from '../../../src/protocol/event.ts';
import type { HistoryRow } from '../../../src/protocol/history.ts';
import type { GroupWatch } from '../groups/watch.ts';
import type { Handset } from './handset.ts';

/** Two accounts called each other and nobody did anything else: the calls, and who placed them. */
export interface Glare {
  readonly calls: readonly string[];
  readonly placers: readonly Handset[];
}

/** When everything is calm and every device has everything: what of the promises did not hold. */
export function judge(
  simulator: Simulator,
  handsets: readonly Handset[],
  glare: Glare | null,
  groups: GroupWatch | null = null,
): string[] {
  const calls = simulator
    .rows<{ state: string }>(`SELECT state FROM call_state ORDER BY actor`)
    .map(({ state }) => JSON.parse(state) as Call);
  const rows = simulator
    .rows<{ row: string }>(`SELECT row FROM account_history ORDER BY actor, call`)
    .map(({ row }) => JSON.parse(row) as HistoryRow);
  return [
    ...calls.flatMap((call) => [
      ...judgeEnd(call),
      ...judgeEvents(simulator, call),
      ...(call.group && groups
        ? judgeGroup(call, rowsIn(call, rows), handsets, groups)
        : [
            ...judgeHistory(call, rowsIn(call, rows)),
            ...judgeMedia(call, handsets),
            ...judgeTalk(call, rowsIn(call, rows), handsets),
          ]),
    ]),
    ...handsets.flatMap((one) => [...judgeStuck(one), ...judgeDelivered(one, rows)]),
    ...(glare ? judgeGlare(glare, calls) : []),
    ...simulator.faults
      .filter(({ type }) => type === 'deadline-failed' || type === 'outdated')
      .map(({ type, actor, error }) => `${type} at ${actor.kind}: ${error}`),
  ];
}

const brief = (id: string): string => id.slice(0, 6);

const rowsIn = (call: Call, rows: readonly HistoryRow[]) => rows.filter((row) => row.call === call.id);

function judgeEnd(call: Call): string[] {
  return call.state === 'ended' ? [] : [`G6 every call ends: ${brief(call.id)} is ${call.state}`];
}

function judgeEvents(simulator: Simulator, call: Call): string[] {
  const types = simulator
    .rows<{ row: string }>(`SELECT row FROM call_event WHERE actor = ?1 ORDER BY n`, call.id)
    .map(({ row }) => (JSON.parse(row) as EventRow).type)
    .filter((type) => type === 'call.ringing' || type === 'call.ended');
  const right = call.ringingAt === null ? [] : ['call.ringing', 'call.ended'];
  return types.join() === right.join()
    ? []
    : [`G6 one call.ended after each call.ringing: ${brief(call.id)} has ${types.join(' ')}`];
}

/** No row where another call has it, where it was refused, or where it was silenced unseen. */
function rowsOf(call: Call): number {
  if (call.reason === 'glare-merged' || call.reason === 'expired') return 0;
  if (call.reason === 'replaced') return call.grantedAt === null ? 0 : 2;
  if (call.ringingAt === null) return call.refusal === null ? 1 : 0;
  return call.silence?.log === false ? 1 : 2;
}

function judgeHistory(call: Call, rows: readonly HistoryRow[]): string[] {
  const broken: string[] = [];
  const what = `${brief(call.id)} (${call.reason})`;
  if (rows.length !== rowsOf(call)) broken.push(`G6 one history row per account: ${what} has ${rows.length}`);
  if (new Set(rows.map((row) => row.outcome)).size > 1)
    broken.push(`G6 the same outcome on both sides: ${what} is ${rows.map((row) => row.outcome).join(' and ')}`);
  return broken;
}

/** A call that both sides had media in was answered, whatever died meanwhile. */
function judgeTalk(call: Call, rows: readonly HistoryRow[], handsets: readonly Handset[]): string[] {
  const talked = handsets.filter((one) => one.sights.get(call.id)?.media).length > 1;
  const wrong = talked ? rows.filter(({ outcome }) => outcome !== 'answered') : [];
  return wrong.map(({ outcome }) => `G6 who talked was answered: ${brief(call.id)} was talked and is ${outcome}`);
}

/** Whoever was let in was the one of its account that won, and each account that it rang at has one row of it. */
function judgeGroup(
  call: Call,
  rows: readonly HistoryRow[],
  handsets: readonly Handset[],
  groups: GroupWatch,
): string[] {
  const broken: string[] = [];
  const talked = groups.talked.get(call.id) ?? new Set();
  for (const one of handsets) {
    const { device, account } = one.party;
    const sight = one.sights.get(call.id);
    if (sight?.granted && !talked.has(device))
      broken.push(`G5 one winner: ${brief(device)} was granted group ${brief(call.id)} and was never in it`);
    const own = rows.filter((row) => row.account === account).length;
    if (own > 1 || ((talked.has(device) || (sight?.alerts ?? 0) > 0) && own !== 1))
      broken.push(`G6 one history row per account: ${brief(account)} has ${own} of group ${brief(call.id)}`);
  }
  for (const ring of call.group?.rings ?? [])
    if (ring.state !== 'over' && call.state !== 'ended')
      broken.push(`G6 every ring ends: one of ${brief(call.id)} does not`);
  return broken;
}

/** One device of the callee was granted, and media ran between it and the caller only. */
function judgeMedia(call: Call, handsets: readonly Handset[]): string[] {
  const broken: string[] = [];
  for (const one of handsets) {
    const { device } = one.party;
    const sight = one.sights.get(call.id);
    const caller = device === call.caller.device;
    if (sight?.granted && !caller && device !== call.winner)
      broken.push(
        `G5 one winner: ${brief(device)} was granted call ${brief(call.id)}, which ${brief(call.winner ?? 'nobody')} won`,
      );
    if (sight?.media && sight.media.device !== (caller ? call.winner : call.caller.device))
      broken.push(
        `G5 one winner: ${brief(device)} sends media to ${brief(sight.media.device)} in call ${brief(call.id)}`,
      );
  }
  return broken;
}

function judgeStuck(one: Handset): string[] {
  const left = Object.values(one.client.calls);
  return left.map(({ id, phase }) => `G6 every device stops: ${one.name} is still ${phase} in call ${brief(id)}`);
}

/** Each row of the account came to each of its devices once. */
function judgeDelivered(one: Handset, rows: readonly HistoryRow[]): string[] {
  const text = (list: readonly HistoryRow[]) =>
    list
      .map((row) => `${row.call} ${row.outcome}`)
      .toSorted()
      .join();
  const own = rows.filter((row) => row.account === one.party.account);
  return text(own) === text(one.history)
    ? []
    : [`G6 history reaches every device: ${one.name} has ${one.history.length} of ${own.length} rows`];
}

/** Clocks of two calls differ by up to twice this. */
const SKEW_MS = 1_000;

function openedAt(call: Call): number {
  return call.ringingAt ?? call.endedAt ?? call.createdAt;
}

/** How long news of a glare may be on its way through a storm, ms. */
const NEWS_MS = 15_000;

/**
 * Of two calls that were open at the same time; one that came after the other was over rings by itself. So does one whose
 * opposite ran out by itself before the news of the glare, lost and sent again, had reached it.
 */
function judgeGlare({ calls: ids, placers }: Glare, calls: readonly Call[]): string[] {
  const met = calls.filter(
    (call) => ids.includes(call.id) && (call.ringingAt !== null || call.reason === 'glare-merged'),
  );
  const [first, second] = met.toSorted((a, b) => openedAt(a) - openedAt(b));
  const late = first?.reason === 'glare-merged' ? 0 : NEWS_MS;
  if (!first || !second || openedAt(second) + 2 * SKEW_MS + late >= (first.endedAt ?? 0)) return [];
  const standing = met.filter((call) => call.reason !== 'glare-merged');
  const told = met.map((call) => `${brief(call.id)} ${call.reason}`).join(', ');
  const broken = standing.length === 1 ? [] : [`glare leaves exactly one call: ${told}`];
  const talking = placers.map((one) => [...one.sights].filter(([, sight]) => sight.media).map(([id]) => id));
  const agreed = new Set(talking.flat());
  if (agreed.size > 1)
    broken.push(`glare leaves a call both agree on: they talk in ${[...agreed].map(brief).join(' and ')}`);
  return broken;
}
