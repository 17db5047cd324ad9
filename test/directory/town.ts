import { configFor, type Deployment } from '../../demo/people.ts';
import { type HostName, type Server, startServer } from '../../demo/server.ts';
import { makeDevelopmentSecrets, type Secrets } from '../../src/hosts/secrets.ts';
import type { AccountFrame } from '../../src/protocol/account-news.ts';
import type { HandleNews } from '../../src/protocol/handle.ts';
import {
  CallsignClient,
  type ClientConfig,
  type ContactEvent,
  developmentAttester,
  enroll,
  type EnrollOptions,
  type Identity,
} from '../../src/sdk/index.ts';
import { Prover } from '../blackbox/prover.ts';
import { codeFor } from '../blackbox/world.ts';
import { PATIENCE_MS } from '../support/patience.ts';

/** One person with one device on a real server, and what was heard on it. */
export interface Person {
  readonly client: CallsignClient;
  readonly config: ClientConfig;
  readonly identity: Identity;
  /** The same device, each part of its requests made by hand. */
  readonly prover: Prover;
  /** News of its handles, all news of its account, and what it was told of others. */
  readonly news: HandleNews[];
  readonly heard: AccountFrame[];
  readonly contacts: ContactEvent[];
  readonly suspicions: string[];
  /** The code with which its courier was closed for good. */
  closed: number | null;
  /** Changes what the server answers before the client sees it. */
  between: (path: string, answer: unknown) => unknown;
  prove(handle: string): Promise<string>;
  online(): Promise<void>;
}

export interface Town {
  readonly server: Server;
  readonly secrets: Secrets;
  /** The time at the server and on everybody's devices, ms. */
  now(): number;
  person(options?: EnrollOptions): Promise<Person>;
  /** So much later: the server is killed and starts on the same state, and these people's devices renew their certificates. */
  later(ms: number, ...who: readonly Person[]): Promise<void>;
}

/** How a code reaches a person: the development inbox, or what stands in the place of a provider. */
export type Post = (handle: string) => Promise<string>;

/** The product's own program, started with its clock ahead. */
const LATER = { deno: 'test/support/later/deno.ts', workerd: 'test/workerd/later.ts' } as const;

export async function openTown(
  host: HostName,
  settings: Readonly<Record<string, string>> = {},
  { days = false, post }: { readonly days?: boolean; readonly post?: Post } = {},
): Promise<Town> {
  const secrets = await makeDevelopmentSecrets(Date.now());
  const server = await startServer(host, secrets, settings, days ? LATER[host] : undefined);
  const { url } = server;
  let ahead = 0;
  const now = () => Date.now() + ahead;
  const codeOf = post ?? ((handle) => codeFor(url, handle));
  const deployment = (await (await fetch(`${url}/v1/deployment`)).json()) as Deployment;
  return {
    server,
    secrets,
    now,
    async later(ms, ...who) {
      ahead += ms;
      await server.restart({ CLOCK_AHEAD_MS: String(ahead) });
      for (const { client } of who) await client.renew();
    },
    async person(options = {}) {
      const plain = configFor(url, deployment);
      const config: ClientConfig = {
        ...plain,
        now,
        async fetch(to, init) {
          const answer = await plain.fetch(to, init);
          if (!answer.headers.get('Content-Type')?.startsWith('application/json')) return answer;
          const changed = person.between(new URL(to).pathname, await answer.json());
          return new Response(JSON.stringify(changed), { status: answer.status, headers: answer.headers });
        },
      };
      const news: HandleNews[] = [];
      const heard: AccountFrame[] = [];
      const contacts: ContactEvent[] = [];
      const suspicions: string[] = [];
      let between: Person['between'] = (_, answer) => answer;
      const attester = developmentAttester(config.crypto);
      const person: Person = {
        config,
        news,
        heard,
        contacts,
        suspicions,
        closed: null,
        get between() {
          return between;
        },
        set between(change) {
          between = change;
        },
      } as Person;
      const { identity } = await enroll(config, attester, options);
      let online: () => void = () => undefined;
      const client = new CallsignClient(
        config,
        identity,
        {
          contact: (one) => void contacts.push(one),
          account: (one) => {
            heard.push(one);
            if (one.type === 'handle-claimed' || one.type === 'handle-lost') news.push(one);
          },
          online: () => online(),
          closed: (code) => {
            person.closed = code;
          },
          suspicious: (about, reason) => void suspicions.push(`${about}: ${reason}`),
        },
        { attester },
      );
      await client.publishKeys();
      return Object.assign(person, {
        client,
        identity,
        prover: new Prover(url, identity, { fetch: (to, init) => fetch(to, init), now }),
        prove: (handle: string) => client.addHandle(handle, () => codeOf(handle)),
        async online() {
          const there = new Promise<void>((resolve) => {
            online = resolve;
          });
          await client.connect();
          await there;
        },
      });
    },
  };
}

/** Looks again until it is so; patient, because a test machine may be slow. */
export async function eventually<T>(what: string, look: () => Promise<T> | T, good: (seen: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; ;) {
    const seen = await look();
    if (good(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`${what}: still ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
