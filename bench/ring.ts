import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { bareDeno, bareWorkerd } from './ring/bare.ts';
import { callsign } from './ring/callsign.ts';
import { mosquitto } from './ring/mosquitto.ts';
import { nats } from './ring/nats.ts';
import { pause } from './ring/process.ts';
import type { Ringer } from './ring/ringer.ts';
import type { Figures } from './run.ts';

const SAMPLES = 100;
const WARM_UP = 12;
/** Samples of one ringer before the next has its turn, so that what disturbs the machine disturbs all. */
const TURN = 20;
const BETWEEN_MS = 15;
const COUNTS = [1, 3, 5] as const;

const RATES = [25, 50, 100, 200, 300, 400, 600, 800, 1_200, 1_600, 2_400, 3_200];
const STEP_MS = 3_000;
const LATE_MS = 200;
const LOST_MS = 5_000;

function installed(program: string, what: string): boolean {
  if (!spawnSync(program, ['-h']).error) return true;
  console.error(`${what}: skipped, ${program} is not installed (apt-get install ${program})`);
  return false;
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function timed(ringer: Ringer, devices: number): Promise<number> {
  const began = performance.now();
  await ringer.ring(devices);
  return performance.now() - began;
}

/** A file system in memory, where no fsync waits for a disk: Linux has one here. */
const MEMORY = '/dev/shm';
const UNSYNCED = 'deno, in memory';
const BARE_DENO = 'bare deno, in memory';
const BARE_WORKERD = 'bare workerd';

/** Deno under the policy of its peers, which tell subscribers before anything is on a disk. */
async function unsynced(): Promise<Ringer> {
  const { TMPDIR } = process.env;
  process.env['TMPDIR'] = MEMORY;
  try {
    return await callsign('deno', UNSYNCED);
  } finally {
    if (TMPDIR === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = TMPDIR;
  }
}

type Latencies = ReadonlyMap<Ringer, ReadonlyMap<number, number[]>>;

/** One invitation at a time, everybody in turn. */
async function latencies(ringers: readonly Ringer[]): Promise<Latencies> {
  const all = new Map(ringers.map((one) => [one, new Map(COUNTS.map((count) => [count, [] as number[]]))]));
  for (let done = -WARM_UP; done < SAMPLES; done += done < 0 ? WARM_UP : TURN)
    for (const ringer of ringers)
      for (const count of COUNTS)
        for (let i = done < 0 ? WARM_UP : TURN; i > 0; i--) {
          const ms = await timed(ringer, count);
          if (done >= 0) all.get(ringer)!.get(count)!.push(ms);
          await pause(BETWEEN_MS);
        }
  for (const one of all.values()) for (const list of one.values()) list.sort((a, b) => a - b);
  return all;
}

/** So many invitations a second to three devices each, whatever becomes of those before; null when one is late or lost. */
async function holds(ringer: Ringer, rate: number): Promise<boolean> {
  const took: number[] = [];
  let sent = 0;
  const began = performance.now();
  const all: Promise<void>[] = [];
  while (performance.now() - began < STEP_MS) {
    for (const due = ((performance.now() - began) * rate) / 1_000; sent < due; sent++)
      all.push(timed(ringer, 3).then((ms) => void took.push(ms)));
    await pause(2);
  }
  await Promise.race([Promise.all(all), pause(LOST_MS)]);
  return (
    took.length === sent &&
    at(
      took.toSorted((a, b) => a - b),
      0.99,
    ) < LATE_MS
  );
}

/** The highest of the rates that is sustained. */
async function sustained(ringer: Ringer): Promise<number> {
  let best = 0;
  for (const rate of RATES) {
    if (!(await holds(ringer, rate))) return best;
    best = rate;
    await pause(500);
  }
  return best;
}

/**
 * Invite to the last of 1, 3 or 5 devices, and invitations a second to three devices, beside mosquitto and JetStream that
 * carry the same bytes to as many acknowledging subscribers. Here everything is written and synced before anybody hears of it.
 * The peers tell first and sync later: mosquitto saves its file after every change, JetStream syncs every two minutes. At the
 * same policy stands `deno, in memory`, whose files lie where no fsync waits; that one is compared with the better peer. Beside
 * each host stands a bare server of a few lines on the same runtime, which stores and sends and does nothing else: what is left for everything
 * else is the difference.
 */
export async function ring(): Promise<Figures> {
  const ringers: Ringer[] = [];
  try {
    for (const start of [() => callsign('deno'), () => callsign('workerd'), () => bareWorkerd(BARE_WORKERD)])
      ringers.push(await start());
    if (existsSync(MEMORY)) ringers.push(await unsynced(), await bareDeno(BARE_DENO, MEMORY));
    if (installed('mosquitto', 'ring')) ringers.push(await mosquitto());
    if (installed('nats-server', 'ring')) ringers.push(await nats());
    const measured = await latencies(ringers);
    const figures: Record<string, number> = {};
    const p50 = (name: string) => {
      const found = ringers.find((one) => one.name === name);
      return found ? at(measured.get(found)!.get(5)!, 0.5) : Number.NaN;
    };
    for (const ringer of ringers)
      for (const count of COUNTS)
        for (const share of [50, 99])
          figures[`${ringer.name}: to ${count} devices, p${share} ms`] = at(
            measured.get(ringer)!.get(count)!,
            share / 100,
          );
    for (const ringer of ringers)
      figures[`${ringer.name}: invitations/s to 3 devices, p99 < ${LATE_MS} ms`] = await sustained(ringer);
    const peers = ['mosquitto', 'nats'].map(p50).filter((ms) => !Number.isNaN(ms));
    const ratios = {
      ...(peers.length > 0 && {
        denoVsBestDurablePeer: p50(UNSYNCED) / Math.min(...peers),
        syncedDenoVsBestDurablePeer: p50('deno') / Math.min(...peers),
        bareDenoVsBestDurablePeer: p50(BARE_DENO) / Math.min(...peers),
      }),
      denoVsBareDeno: p50(UNSYNCED) / p50(BARE_DENO),
      workerdVsBareWorkerd: p50('workerd') / p50(BARE_WORKERD),
      workerdVsDeno: p50('workerd') / p50('deno'),
    };
    return { figures, ratios };
  } finally {
    for (const ringer of ringers) await ringer.stop();
  }
}
