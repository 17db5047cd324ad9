import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Actor, Actors, Consumer } from '../../actors/port.ts';
import type { Config } from './config.ts';
import { Cron } from './cron.ts';
import { LocalD1 } from './d1.ts';
import { openFolder } from './folder.ts';
import { Host } from './host.ts';
import { log, logFault } from './log.ts';
import { applyMigrations } from './migrations.ts';
import { type CommitPoint, Shard } from './shard.ts';

const MIGRATIONS = fileURLToPath(new URL('../../../migrations', import.meta.url));
const DAY_MS = 86_400_000;

/** What runs on this host; the same for every host, so it comes from outside. */
export interface Parts {
  readonly actors: readonly Actor[];
  readonly consumers: (actors: Actors, d1: LocalD1) => ReadonlyMap<string, Consumer>;
  /** How long a hint of a queue waits for others of its actor, ms; without an entry it does not. */
  readonly rests: ReadonlyMap<string, number>;
  /** Tests only: told at labelled points of a commit. */
  readonly at?: (point: CommitPoint) => void;
}

/** What the Workers runtime gives as env, from one folder. */
export interface Bindings {
  readonly actors: Actors;
  readonly d1: LocalD1;
  /** Whether every file takes a transaction within its time (ms). */
  healthy(withinMs: number): Promise<boolean>;
  /** Takes in nothing more and tells whoever is connected when to come back. */
  part(): Promise<void>;
  close(): Promise<void>;
}

/** Takes the data folder, brings every file up to this code, and wakes what an earlier process left. */
export async function openBindings(config: Config, parts: Parts): Promise<Bindings> {
  const folder = openFolder(config.data, { jurisdiction: config.jurisdiction, newFiles: config.files });
  const table = new Shard(join(folder.path, 'd1.sqlite'));
  for (const name of applyMigrations(table, MIGRATIONS)) log('migration-applied', { name });
  const d1 = new LocalD1(table);
  const host = new Host({
    folder: folder.path,
    files: folder.deployment.files,
    actors: parts.actors,
    consumers: (actors) => parts.consumers(actors, d1),
    rests: parts.rests,
    report: logFault,
    ...(parts.at && { at: parts.at }),
  });
  await host.start();
  const cron = new Cron(
    [{ name: 'optimize', everyMs: DAY_MS, run: () => host.optimize() }],
    () => host.now(),
    (name, error) => log('periodic-work-failed', { name, error: String(error) }),
  );
  return {
    actors: host.client,
    d1,
    healthy: (withinMs) => within(withinMs, [host.check(), table.take(() => {})]),
    part: () => host.partFromSockets(),
    async close() {
      cron.stop();
      await host.stop();
      table.close();
      folder.release();
    },
  };
}

async function within(ms: number, checks: Promise<void>[]): Promise<boolean> {
  const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), ms));
  const done = Promise.all(checks).then(
    () => true,
    () => false,
  );
  return Promise.race([done, late]);
}
