import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Actors, Address, Json } from '../../src/actors/port.ts';
import { openRepositories } from '../../src/db/open.ts';
import type { Repositories } from '../../src/db/repositories.ts';
import { LocalD1 } from '../../src/hosts/deno/d1.ts';
import { applyMigrations } from '../../src/hosts/deno/migrations.ts';
import { Shard } from '../../src/hosts/deno/shard.ts';
import { makeDevelopmentSecrets, type Secrets } from '../../src/hosts/secrets.ts';
import { composeServices, type Settings } from '../../src/hosts/services.ts';
import { Simulator } from '../../src/hosts/simulator/simulator.ts';
import { CALM } from '../../src/hosts/simulator/weather.ts';
import type { Services } from '../../src/http/services.ts';
import { shipEvents } from '../../src/jobs/events.ts';
import { actors } from '../actors/people.ts';

export const ORIGIN = 'https://calls.example';

/** A development server without a process: the real routes and tables, and the real actors under the simulator. */
export interface InProcess {
  readonly simulator: Simulator;
  readonly db: Repositories;
  readonly actors: Pick<Actors, 'command'>;
  /** Services over the same state; what is given here stands in the place of the real part. */
  services(
    parts?: Partial<Pick<Services, 'db' | 'actors' | 'trust' | 'policy' | 'now' | 'log'>>,
    secrets?: Partial<Secrets>,
  ): Promise<Services>;
  /** Time passes, once what the actors told has been shipped to the feed and the indexes: else they ask for it every 30 s. */
  sleep(ms: number): Promise<void>;
  stop(): void;
}

const SETTINGS: Settings = {
  environment: 'development',
  origin: ORIGIN,
  policy: 'development',
  relyingParty: { id: null, origins: [] },
  allowedOrigins: [],
  jurisdiction: 'none',
  anchors: [],
  access: null,
  directory: {},
  outside: { pushHosts: [], pushContact: null, iceUrls: [] },
  lists: { mds: null, androidStatus: null, hosts: [] },
};

export async function inProcess(given: Partial<Secrets> = {}, startsAt?: number): Promise<InProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'callsign-in-process-'));
  const shard = new Shard(join(folder, 'd1.sqlite'));
  applyMigrations(shard, 'migrations');
  const db = openRepositories(new LocalD1(shard));
  const simulator = new Simulator({ actors, ...(startsAt !== undefined && { startsAt }) });
  simulator.reset(1, CALM);
  const secrets = { ...(await makeDevelopmentSecrets(simulator.now - 86_400_000)), ...given };
  const spoken = new Map<string, Address>();
  const own: Pick<Actors, 'command'> = {
    async command(to, key, body: Json) {
      spoken.set(`${to.kind}/${to.name}`, to);
      const answer = simulator.command(to, key, body);
      await simulator.pass(20);
      return answer;
    },
  };
  return {
    simulator,
    db,
    actors: own,
    async services(parts = {}, changed = {}) {
      const ground = { actors: own as Actors, db, log: () => undefined, ready: async () => [] };
      const composed = await composeServices(SETTINGS, { ...secrets, ...changed }, ground);
      return { ...composed, now: () => simulator.now, ...parts };
    },
    async sleep(ms) {
      const ship = shipEvents(own as Actors, db);
      for (const actor of spoken.values()) await ship({ actor, key: 'events' }, 1);
      await simulator.pass(Math.max(0, ms));
    },
    stop() {
      shard.close();
      rmSync(folder, { recursive: true });
    },
  };
}
