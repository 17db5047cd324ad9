import { configFor, type Deployment, Device, enrollDevice } from '../../demo/people.ts';
import { type HostName, type Server, startServer } from '../../demo/server.ts';
import type { Call, ClientConfig, Enrolled } from '../../src/sdk/index.ts';
import { makeDevelopmentSecrets, openSecrets } from '../../src/hosts/secrets.ts';
import { Prover } from '../blackbox/prover.ts';
import { codeFor } from '../blackbox/world.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { type PushServices, startPushServices } from './services.ts';

export const TURN_SECRET = 'a secret of this test alone';

/** One real server that pushes to services on the loopback, a caller, and a callee whose application comes and goes. */
export interface World {
  readonly server: Server;
  readonly services: PushServices;
  readonly deployment: Deployment;
  readonly alice: Device;
  readonly bob: Enrolled;
  /** The operator's key. */
  readonly operator: string;
  /** What his application stands on. */
  readonly config: ClientConfig;
  /** Bob's application, started on what it kept; not connected. */
  start(): Device;
  call(): Promise<Call>;
  /** Alice gives up; resolves when the server knows it. */
  hangUp(call: Call): Promise<void>;
  stop(): Promise<void>;
}

export const BOB = 'bob@example.com';

export async function openWorld(host: HostName, iceUrls: string): Promise<World> {
  const services = await startPushServices();
  const { apns, account, url } = services;
  const push = {
    apns: { team: apns.team, kid: apns.kid, key: apns.key, topics: [apns.topic], origin: url },
    fcm: { ...account, private_key_id: 'k1', token_uri: `${url}/token`, origin: url, type: 'service_account' },
  };
  const secrets = {
    ...(await makeDevelopmentSecrets(Date.now())),
    CALLSIGN_PUSH: JSON.stringify(push),
    CALLSIGN_TURN: JSON.stringify({ coturn: TURN_SECRET }),
  };
  const server = await startServer(host, secrets, { ICE_URLS: iceUrls, PUSH_CONTACT: 'mailto:ops@example.com' });
  const deployment = (await (await fetch(`${server.url}/v1/deployment`)).json()) as Deployment;
  const alice = await enrollDevice('alice', configFor(server.url, deployment), null);
  const config: ClientConfig = configFor(server.url, deployment);
  const bob = await enrollDevice('bob', config, null);
  for (const { client } of [alice, bob]) await client.publishKeys();
  await bob.client.addHandle(BOB, () => codeFor(server.url, BOB));
  await alice.goOnline();
  const prover = new Prover(server.url, alice.enrolled.identity);
  return {
    server,
    services,
    deployment,
    alice,
    bob: bob.enrolled,
    operator: (await openSecrets(secrets, server.url, 'development')).operator,
    config,
    start: () => new Device('bob', config, bob.enrolled),
    async call() {
      const peer = await alice.client.find(BOB, { claim: true });
      return alice.client.call(peer!, ['audio']);
    },
    async hangUp(call) {
      alice.client.hangup(call);
      await until(async () => {
        const seen = await prover.read<{ state: string }>('GET', `/v1/calls/${call.id}`);
        return seen.state === 'ended';
      });
    },
    async stop() {
      alice.client.close();
      await server.stop();
      await services.stop();
    },
  };
}

/** Looks until it is so; a machine may be slow. */
export async function until<T>(
  look: () => T | null | undefined | false | Promise<T | null | undefined | false>,
): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; ;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error('it did not become so in time');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
