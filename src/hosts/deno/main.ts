/** The server as one Deno process: composes its parts, serves, and ends in order on SIGTERM or SIGINT. */
import { account } from '../../actors/account/account.ts';
import { call } from '../../actors/call/call.ts';
import { device } from '../../actors/device/device.ts';
import { createApp } from '../../app.ts';
import { openRepositories } from '../../db/open.ts';
import type { Services } from '../../http/services.ts';
import { chores } from '../../jobs/chores.ts';
import { consumers, RESTS_MS } from '../../jobs/consumers.ts';
import { composeServices, housekeeping } from '../services.ts';
import { SecretsError } from '../secrets.ts';
import { clientAddress, type Connection, peerOf } from './client-address.ts';
import { type Bindings, openBindings } from './bindings.ts';
import { type Config, readConfig } from './config.ts';
import { Cron } from './cron.ts';
import { log } from './log.ts';
import { Refused } from './refused.ts';
import { readSecrets } from './secrets.ts';

const HEALTHY_WITHIN_MS = 2_000;
const CHORES_MS = 300_000;

async function compose(config: Config, bindings: Bindings, stopping: () => boolean): Promise<Services> {
  const secrets = await readSecrets(process.env, config.data, config.settings, Date.now());
  return composeServices(config.settings, secrets, {
    actors: bindings.actors,
    db: openRepositories(bindings.d1),
    clientAddress: (request, env) => clientAddress(request, env as Connection, config.proxies),
    log: ({ event, ...line }) => log(event, line as Readonly<Record<string, string | number>>),
    ready: async () => {
      if (stopping()) return ['stopping'];
      return (await bindings.healthy(HEALTHY_WITHIN_MS)) ? [] : ['storage'];
    },
  });
}

async function start(): Promise<void> {
  process.umask(0o077);
  const config = readConfig(process.env);
  const opened = Promise.withResolvers<Services>();
  const [push, codes] = [opened.promise.then((one) => one.push), opened.promise.then((one) => one.codes)];
  const bindings = await openBindings(config, {
    actors: [account, device, call],
    consumers: (actors, d1) => consumers({ actors, db: openRepositories(d1), now: () => Date.now(), push, codes }),
    rests: RESTS_MS,
  });
  let stopping = false;
  const services = await compose(config, bindings, () => stopping);
  opened.resolve(services);
  const app = createApp(() => services);
  const cron = new Cron(
    chores(housekeeping(services, config.settings)).map(({ name, work }) => ({ name, everyMs: CHORES_MS, run: work })),
    services.now,
    (name, error) => log('periodic-work-failed', { name, error: String(error) }),
  );
  const server = Deno.serve(
    {
      hostname: config.hostname,
      port: config.port,
      onListen: ({ hostname, port }) => log('serving', { address: `http://${hostname}:${port}` }),
    },
    (request, { remoteAddr }) => app.fetch(request, { peer: peerOf(remoteAddr) } satisfies Connection),
  );

  const stop = async (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    log('stopping', { signal });
    cron.stop();
    // Before the server ends, which closes what sockets are left with 1001 and without a word.
    await bindings.part();
    await Promise.all([server.shutdown(), bindings.close()]);
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => void stop(signal));
}

try {
  await start();
} catch (error) {
  console.error(error instanceof Refused || error instanceof SecretsError ? error.message : error);
  process.exit(1);
}
