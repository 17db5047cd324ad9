/**
 * The Worker of src/index.ts with its actors' turns told by name, which stands still at a point that a test names and tells
 * DOOM_HOOK so: `POST /doom` sets it, `GET /points` tells what has been passed. The product's own entry knows nothing of this.
 */
import { account } from '../../src/actors/account/account.ts';
import { call } from '../../src/actors/call/call.ts';
import { device } from '../../src/actors/device/device.ts';
import type { Event } from '../../src/actors/port.ts';
import { actorObject } from '../../src/hosts/cloudflare/actor-object.ts';
import { bindings } from '../../src/hosts/cloudflare/bindings.ts';
import entry from '../../src/hosts/cloudflare/entry.ts';
import type { Platform } from '../../src/hosts/runner.ts';
import { isOfCalls, labelOf, type Point } from '../chaos/points.ts';

interface Env extends CloudflareBindings {
  readonly DOOM_HOOK: string;
}

const passed = new Set<string>();
let doom: Point | null = null;

/** The request leaves when everything written before it is durable, as every effect does; nothing comes after it. */
async function die(env: Env): Promise<never> {
  await fetch(env.DOOM_HOOK, { method: 'POST' }).catch(() => undefined);
  return new Promise<never>(() => undefined);
}

/** A trigger is an event to come; of a settled mail the actor sees an answer. */
function labelOfTrigger(kind: string, trigger: Parameters<Platform['commit']>[1]): string {
  if (trigger.type === 'mail') return labelOf(kind, { type: 'command', body: trigger.body } as Event<unknown>);
  if (trigger.type === 'lost') return labelOf(kind, { type: 'closed' } as Event<unknown>);
  if (trigger.type === 'settled' || trigger.type === 'ask-answered')
    return labelOf(kind, { type: 'answered', to: trigger.to } as Event<unknown>);
  return labelOf(kind, trigger as Event<unknown>);
}

function doomed(own: Platform, env: Env): Platform {
  const commit: Platform['commit'] = async (self, trigger, patient) => {
    const label = labelOfTrigger(self.kind, trigger);
    if (isOfCalls(label)) passed.add(label);
    if (doom?.label === label && doom.moment === 'before') await die(env);
    const taken = await own.commit(self, trigger, patient);
    if (doom?.label === label && doom.moment === 'after') await die(env);
    return taken;
  };
  return new Proxy(own, {
    get: (target, name) => {
      if (name === 'commit') return commit;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const around = { platform: doomed };
export const AccountActor = actorObject<Env>(account, bindings, around);
export const DeviceActor = actorObject<Env>(device, bindings, around);
export const CallActor = actorObject<Env>(call, bindings, around);

export default {
  ...entry,
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    if (pathname === '/points') return Response.json([...passed]);
    if (pathname !== '/doom') return entry.fetch(request as never, env, context);
    doom = await request.json<Point>();
    return new Response(null, { status: 204 });
  },
} satisfies ExportedHandler<Env>;
