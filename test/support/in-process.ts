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
import type { ClientConfig, SocketLike } from '../../src/sdk/config.ts';
import type { createApp } from '../../src/app.ts';
import type { SimulatedSocket } from '../../src/hosts/simulator/socket.ts';
import type { Services } from '../../src/http/services.ts';
import { shipEvents } from '../../src/jobs/events.ts';
import { actors } from '../actors/people.ts';

export const ORIGIN = 'https://calls.example';

/** An upgrade that an actor took: no runtime lets a Response say 101 by itself. */
class Upgraded extends Response {
  override get status(): number {
    return 101;
  }
}

/** A development server without a process: the real routes and tables, and the real actors under the simulator. */
export interface InProcess {
  readonly simulator: Simulator;
  readonly db: Repositories;
  readonly actors: Pick<Actors, 'command' | 'upgrade' | 'turnAway'>;
  /** Services over the same state; what is given here stands in the place of the real part. */
  services(parts?: Partial<Services>, secrets?: Partial<Secrets>): Promise<Services>;
  /** Time passes, once what the actors told has been shipped to the feed and the indexes: else they ask for it every 30 s. */
  sleep(ms: number): Promise<void>;
  /** What a client of `app` opens its sockets with. */
  dial(app: ReturnType<typeof createApp>): ClientConfig['openSocket'];
  /** Lets as little time pass as it takes; throws when it takes a minute. */
  until(what: string, holds: () => boolean): Promise<void>;
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
  const lines = new Map<Request, Line>();
  const turnedAway = new Map<Request, number>();
  const own: InProcess['actors'] = {
    async command(to, key, body: Json) {
      spoken.set(`${to.kind}/${to.name}`, to);
      const answer = simulator.command(to, key, body);
      await simulator.pass(20);
      return answer;
    },
    async upgrade(to, request, { tags, body }) {
      lines.set(request, { to, socket: simulator.connect(to, tags, body) });
      return new Upgraded();
    },
    turnAway(request, { code }) {
      turnedAway.set(request, code);
      return new Upgraded();
    },
  };
  return {
    simulator,
    db,
    actors: own,
    async services(parts = {}, changed = {}) {
      const ground = {
        actors: own as Actors,
        db,
        clientAddress: () => null,
        log: () => undefined,
        ready: async () => [],
      };
      const composed = await composeServices(SETTINGS, { ...secrets, ...changed }, ground);
      return { ...composed, now: () => simulator.now, ...parts };
    },
    async sleep(ms) {
      const ship = shipEvents(own as Actors, db);
      for (const actor of spoken.values()) await ship({ actor, key: 'events' }, 1);
      await simulator.pass(Math.max(0, ms));
    },
    dial: (app) => (url, protocols) => dialed(simulator, app, { lines, turnedAway }, url, protocols),
    async until(what, holds) {
      for (let step = 0; step < 6_000; step += 1) {
        if (holds()) return;
        await simulator.pass(10);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      throw new Error(`never: ${what}`);
    },
    stop() {
      shard.close();
      rmSync(folder, { recursive: true });
    },
  };
}

interface Line {
  readonly to: Address;
  readonly socket: SimulatedSocket;
}

/** A client's WebSocket to the actor that the server's upgrade led to. */
function dialed(
  simulator: Simulator,
  app: ReturnType<typeof createApp>,
  { lines, turnedAway }: { lines: ReadonlyMap<Request, Line>; turnedAway: ReadonlyMap<Request, number> },
  url: string,
  protocols: readonly string[],
): SocketLike {
  const listeners: { type: string; listener: (event: never) => void }[] = [];
  const emit = (type: string, event: object) => {
    for (const one of listeners) if (one.type === type) one.listener(event as never);
  };
  const headers = { Upgrade: 'websocket', 'Sec-WebSocket-Protocol': protocols.join(', ') };
  const request = new Request(url.replace(/^ws/, 'http'), { headers });
  let line: Line | null = null;
  void Promise.resolve(app.fetch(request)).then(({ status }) => {
    line = lines.get(request) ?? null;
    if (status !== 101 || !line) return emit('close', { code: turnedAway.get(request) ?? 1006 });
    const { socket } = line;
    const heard = (data: string | Uint8Array) =>
      emit('message', { data: data instanceof Uint8Array ? data.slice().buffer : data });
    socket.frames.forEach(heard);
    socket.onFrame = heard;
    void socket.closed.then(({ code }) => emit('close', { code }));
    emit('open', {});
  });
  return {
    binaryType: '',
    send: (data) => line && simulator.send(line.to, line.socket, data),
    close: (code = 1000) => line && simulator.cut(line.to, line.socket, code),
    addEventListener: (type, listener) => void listeners.push({ type, listener }),
  };
}
