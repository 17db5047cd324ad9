/**
 * The server of src/hosts/deno/main.ts with its actors' turns told by name, which dies at a point that a test names:
 * `POST /doom` sets it, `GET /points` tells what has been passed. `POST /outage` names an actor's turn that fails from then on, until
 * another one (or null) is named. The product's own entry knows nothing of this.
 */
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
import { isOfCalls, type Point, told } from './points.ts';

const passed = new Set<string>();
/** Labels of the turns in the transaction that is open. */
const open = new Set<string>();
let doom: Point | null = null;
let outage: { readonly label: string; readonly name: string } | null = null;

/** Stands still for good: whoever reads the line kills the process, which can do nothing more. */
function die(): never {
  console.log('doomed');
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

const config = readConfig(process.env);
const opened = Promise.withResolvers<Services>();
const [push, codes] = [opened.promise.then((one) => one.push), opened.promise.then((one) => one.codes)];
const bindings = await openBindings(config, {
  actors: told([account, device, call] as Actor[], (label, name) => {
    if (isOfCalls(label)) passed.add(label);
    if (outage?.label === label && outage.name === name) throw new Error('out of service');
    open.add(label);
  }),
  consumers: (actors, d1) => consumers({ actors, db: openRepositories(d1), now: () => Date.now(), push, codes }),
  rests: RESTS_MS,
  at: (point) => {
    if (doom && open.has(doom.label) && point === `${doom.moment}-commit`) die();
    if (point === 'after-commit') open.clear();
  },
});
const services = await composeServices(
  config.settings,
  await readSecrets(process.env, config.data, config.settings, Date.now()),
  {
    actors: bindings.actors,
    db: openRepositories(bindings.d1),
    clientAddress: () => null,
    log: () => undefined,
    ready: async () => [],
  },
);
opened.resolve(services);
const app = createApp(() => services);
Deno.serve({ hostname: config.hostname, port: config.port }, async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === '/points') return Response.json([...passed]);
  if (pathname === '/outage') {
    outage = (await request.json()) as typeof outage;
    return new Response(null, { status: 204 });
  }
  if (pathname !== '/doom') return app.fetch(request);
  doom = (await request.json()) as Point;
  return new Response(null, { status: 204 });
});
