import { createApp } from '../../src/app.ts';
import type { Actors } from '../../src/actors/port.ts';
import { shipEvents } from '../../src/jobs/events.ts';
import { warnHandles } from '../../src/jobs/warnings.ts';
import type { Services } from '../../src/http/services.ts';
import {
  CallsignClient,
  type ClientConfig,
  defaultConfig,
  developmentAttester,
  enroll,
  type Enrolled,
  memoryStore,
  type Sponsor,
  webCrypto,
} from '../../src/sdk/index.ts';
import { type InProcess, inProcess, ORIGIN } from './in-process.ts';

/** What stands between a client and the server: sees each request and answer, and may put another in its place. */
export type Between = (
  path: string,
  init: RequestInit,
  pass: (init?: RequestInit) => Promise<Response>,
) => Promise<Response>;

/** A device with the SDK on it. */
export interface Member {
  readonly config: ClientConfig;
  readonly enrolled: Enrolled;
  readonly client: CallsignClient;
}

/** The real routes, tables and actors in this process, with virtual time, and the SDK in front of them. */
export class Members {
  readonly place: InProcess;
  readonly #app: ReturnType<typeof createApp>;
  readonly #roots: Uint8Array<ArrayBuffer>[];
  readonly #deployment: string;
  readonly services: Services;
  readonly inbox: (handle: string) => string | null;
  /** Who warns handles; another one may stand in its place. */
  warner: Pick<Services['codes'], 'warn'>;

  private constructor(place: InProcess, services: Awaited<ReturnType<InProcess['services']>>) {
    this.place = place;
    this.services = services;
    this.#app = createApp(() => services);
    this.#roots = [services.keys.root.slice()];
    this.#deployment = services.deployment.id;
    this.inbox = services.inbox ?? (() => null);
    this.warner = services.codes;
  }

  static async open(): Promise<Members> {
    const place = await inProcess();
    return new Members(place, await place.services());
  }

  /** Timers of these clients run at once: who polls does so as fast as it is answered. */
  config(between: Between = (_path, _init, pass) => pass()): ClientConfig {
    const { simulator } = this.place;
    return {
      ...defaultConfig({
        deployment: this.#deployment,
        origin: ORIGIN,
        roots: this.#roots,
        crypto: webCrypto(),
        store: memoryStore(),
      }),
      now: () => simulator.now,
      fetch: (url, init) => {
        const path = url.slice(ORIGIN.length);
        return between(path, init, async (other = init) => this.#app.request(path, other));
      },
      openSocket: () => ({ binaryType: '', send: () => {}, close: () => {}, addEventListener: () => {} }),
      after: (_ms, run) => {
        const timer = setTimeout(run, 1);
        return () => clearTimeout(timer);
      },
    };
  }

  /** An enrolled device: the first of a new account, or one more of its sponsor's. */
  async member(given: { sponsor?: Sponsor; between?: Between } = {}): Promise<Member> {
    const config = this.config(given.between);
    const { sponsor } = given;
    const enrolled = await enroll(config, developmentAttester(config.crypto), sponsor ? { sponsor } : {});
    return { config, enrolled, client: new CallsignClient(config, enrolled.identity) };
  }

  async addHandle({ client }: Member, address: string): Promise<void> {
    await client.addHandle(address, async () => this.inbox(`mail1:${address}`) ?? '');
  }

  /** Moves the clock; deadlines of actors that fall into it are due. */
  async pass(ms: number): Promise<void> {
    await this.ship();
    await this.place.simulator.pass(ms);
    await this.ship();
  }

  /** What the queues would do: handles are warned, the feed is told, and no actor waits for it any more. */
  async ship(): Promise<void> {
    const { simulator, actors, db } = this.place;
    const warn = warnHandles({ actors, codes: Promise.resolve(this.warner) });
    for (const { actor: name, recovery } of simulator.rows<{ actor: string; recovery: string }>(
      `SELECT DISTINCT actor, recovery FROM account_warning WHERE state IN ('due', 'claimed')`,
    ))
      await warn({ actor: { kind: 'account', name }, key: recovery }, 1);
    const ship = shipEvents(actors as Actors, db);
    for (const kind of ['account', 'device', 'call'])
      for (const { actor: name } of simulator.rows<{ actor: string }>(`SELECT DISTINCT actor FROM ${kind}_event`))
        await ship({ actor: { kind, name }, key: 'events' }, 1);
  }

  close(): void {
    this.place.stop();
  }
}

/** Rewrites the JSON answers whose path matches. */
export function rewriting(path: RegExp, rewrite: (answer: never) => unknown): Between {
  return async (asked, _init, pass) => {
    const response = await pass();
    if (!path.test(asked) || !response.ok) return response;
    return Response.json(rewrite((await response.json()) as never), {
      status: response.status,
      headers: response.headers,
    });
  };
}
