import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Figures } from './run.ts';

const DENO = new URL('../node_modules/deno/deno', import.meta.url).pathname;
const MAIN = new URL('./commit-deno.ts', import.meta.url).pathname;
const SECONDS = 2;

export interface Rates {
  readonly rawCommits: number;
  readonly alone: number;
  readonly grouped: number;
  readonly groupedIn16Files: number;
}

/** Group commit on the Deno host, beside SQLite's own commit rate in the same folder with the same synchronous=FULL. */
export async function commit(): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'callsign-bench-'));
  try {
    const rates = await ratesIn(folder, SECONDS);
    return {
      figures: {
        'SQLite commits/s, one by one': rates.rawCommits,
        'turns/s, alone': rates.alone,
        'turns/s, 64 in flight': rates.grouped,
        'turns/s, 64 in flight over 16 files': rates.groupedIn16Files,
      },
      ratios: {
        'alone / SQLite': rates.alone / rates.rawCommits,
        '64 in flight / alone': rates.grouped / rates.alone,
        '64 in flight / SQLite': rates.grouped / rates.rawCommits,
        'one file / 16 files': rates.grouped / rates.groupedIn16Files,
      },
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Commits and turns per second in this folder, so many seconds for each. */
export async function ratesIn(folder: string, seconds: number): Promise<Rates> {
  const args = ['run', '-A', '--no-remote', MAIN, folder, String(seconds)];
  const { stdout } = await promisify(execFile)(DENO, args, { timeout: 60_000 });
  return JSON.parse(stdout) as Rates;
}
