import { account } from '../../actors/account/account.ts';
import { call } from '../../actors/call/call.ts';
import { device } from '../../actors/device/device.ts';
import { createApp } from '../../app.ts';
import { MIGRATIONS } from '../../db/migrations.ts';
import { openRepositories } from '../../db/open.ts';
import type { Services } from '../../http/services.ts';
import { chores } from '../../jobs/chores.ts';
import { consumers } from '../../jobs/consumers.ts';
import { composeServices, housekeeping } from '../services.ts';
import { actorObject } from './actor-object.ts';
import { ObjectActors } from './actors.ts';
import { type Bindings, bindings } from './bindings.ts';
import { report } from './faults.ts';
import { consume } from './queues.ts';
import { housekeep } from './scheduled.ts';

export const AccountActor = actorObject<CloudflareBindings>(account, bindings);
export const DeviceActor = actorObject<CloudflareBindings>(device, bindings);
export const CallActor = actorObject<CloudflareBindings>(call, bindings);

/** Keys are imported once per isolate; what is kept is derived from `env` alone and holds nothing of a request. */
const composed = new WeakMap<object, Promise<Services>>();

function servicesOf(env: CloudflareBindings): Promise<Services> {
  let services = composed.get(env);
  if (!services) {
    services = compose(bindings(env));
    composed.set(env, services);
    keepOnceReady(env, services);
  }
  return services;
}

/** Services over a database without tables only say so; the next request looks again. */
function keepOnceReady(env: object, services: Promise<Services>): void {
  const forget = () => composed.delete(env);
  services.then(async ({ ready }) => (await ready()).length > 0 && forget()).catch(forget);
}

function compose(bound: Bindings): Promise<Services> {
  const db = openRepositories(bound.db);
  return composeServices(bound.settings, bound.secrets, {
    actors: new ObjectActors(bound),
    db,
    clientAddress: (request) => request.headers.get('CF-Connecting-IP'),
    log: (line) => console.log(JSON.stringify(line)),
    ready: async () => {
      const pending = await db.pendingMigrations().catch(() => MIGRATIONS);
      return pending.length > 0 ? ['migrations'] : [];
    },
  });
}

const app = createApp((env) => servicesOf(env as CloudflareBindings));

export default {
  fetch: (request, env, context) => app.fetch(request, env, context),

  async queue(batch, env): Promise<void> {
    const services = servicesOf(env);
    const { actors, db, now } = await services;
    const [push, codes] = [services.then((one) => one.push), services.then((one) => one.codes)];
    await consume(batch, consumers({ actors, db, now, push, codes }), report);
  },

  async scheduled(event, env): Promise<void> {
    const services = await servicesOf(env);
    await housekeep(event, chores(housekeeping(services, bindings(env).settings)), report);
  },
} satisfies ExportedHandler<CloudflareBindings>;
