import { configFor, type Deployment } from '../../demo/people.ts';
import { type HostName, type Server, startServer } from '../../demo/server.ts';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import type { HandleNews } from '../../src/protocol/handle.ts';
import { CallsignClient, type ClientConfig, developmentAttester, enroll, type Identity } from '../../src/sdk/index.ts';
import { Prover } from '../blackbox/prover.ts';
import { codeFor } from '../blackbox/world.ts';

/** One person with one device on a real server, and what was heard on it. */
export interface Person {
  readonly client: CallsignClient;
  readonly config: ClientConfig;
  readonly identity: Identity;
  /** The same device, each part of its requests made by hand. */
  readonly prover: Prover;
  readonly news: HandleNews[];
  readonly suspicions: string[];
  /** Changes what the server answers before the client sees it. */
  between: (path: string, answer: unknown) => unknown;
  prove(handle: string): Promise<string>;
  online(): Promise<void>;
}

export interface Town {
  readonly server: Server;
  person(): Promise<Person>;
}

export async function openTown(host: HostName, settings: Readonly<Record<string, string>> = {}): Promise<Town> {
  const server = await startServer(host, await makeDevelopmentSecrets(Date.now()), settings);
  const { url } = server;
  const deployment = (await (await fetch(`${url}/v1/deployment`)).json()) as Deployment;
  return {
    server,
    async person() {
      const plain = configFor(url, deployment);
      const config: ClientConfig = {
        ...plain,
        async fetch(to, init) {
          const answer = await plain.fetch(to, init);
          if (!answer.headers.get('Content-Type')?.startsWith('application/json')) return answer;
          const changed = person.between(new URL(to).pathname, await answer.json());
          return new Response(JSON.stringify(changed), { status: answer.status, headers: answer.headers });
        },
      };
      const news: HandleNews[] = [];
      const suspicions: string[] = [];
      let between: Person['between'] = (_, answer) => answer;
      const attester = developmentAttester(config.crypto);
      const person: Person = {
        config,
        news,
        suspicions,
        get between() {
          return between;
        },
        set between(change) {
          between = change;
        },
      } as Person;
      const { identity } = await enroll(config, attester);
      let online: () => void = () => undefined;
      const client = new CallsignClient(config, identity, {
        account: (one) => {
          if (one.type === 'handle-claimed' || one.type === 'handle-lost') news.push(one);
        },
        online: () => online(),
        suspicious: (about, reason) => void suspicions.push(`${about}: ${reason}`),
      });
      await client.publishKeys();
      return Object.assign(person, {
        client,
        identity,
        prover: new Prover(url, identity),
        prove: (handle: string) => client.addHandle(handle, () => codeFor(url, handle)),
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
  for (const deadline = Date.now() + 60_000; ;) {
    const seen = await look();
    if (good(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`${what}: still ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
