/** The server of src/hosts/deno/main.ts with what test/courier/plant.ts plants. */
import { account } from '../../src/actors/account/account.ts';
import { call } from '../../src/actors/call/call.ts';
import { device } from '../../src/actors/device/device.ts';
import type { Actor } from '../../src/actors/port.ts';
import { createApp } from '../../src/app.ts';
import { openRepositories } from '../../src/db/open.ts';
import { openBindings } from '../../src/hosts/deno/bindings.ts';
import { readConfig } from '../../src/hosts/deno/config.ts';
import { readSecrets } from '../../src/hosts/deno/secrets.ts';
import { composeServices } from '../../src/hosts/services.ts';
import type { Services } from '../../src/http/services.ts';
import { consumers, RESTS_MS } from '../../src/jobs/consumers.ts';
import { counted, planted } from './plant.ts';

const config = readConfig(process.env);
const opened = Promise.withResolvers<Services>();
const [push, codes] = [opened.promise.then((one) => one.push), opened.promise.then((one) => one.codes)];
const { actors, d1 } = await openBindings(config, {
  actors: ([account, device, call] as Actor[]).map(counted),
  consumers: (reached, db) =>
    consumers({ actors: reached, db: openRepositories(db), now: () => Date.now(), push, codes }),
  rests: RESTS_MS,
});
const secrets = await readSecrets(process.env, config.data, config.settings, Date.now());
const services = await composeServices(config.settings, secrets, {
  actors,
  db: openRepositories(d1),
  clientAddress: () => null,
  log: (line) => console.log(JSON.stringify(line)),
  ready: async () => [],
});
opened.resolve(services);
const app = createApp(() => services);
Deno.serve(
  { hostname: config.hostname, port: config.port },
  async (request) => (await planted(request, () => actors)) ?? app.fetch(request),
);
