import { account } from '../../src/actors/account/account.ts';
import { call } from '../../src/actors/call/call.ts';
import { device } from '../../src/actors/device/device.ts';
import type { Address, Json } from '../../src/actors/port.ts';
import type { Store } from '../../src/actors/kernel/store.ts';
import { actorObject } from '../../src/hosts/cloudflare/actor-object.ts';
import { ObjectActors } from '../../src/hosts/cloudflare/actors.ts';
import { report } from '../../src/hosts/cloudflare/faults.ts';
import { consume } from '../../src/hosts/cloudflare/queues.ts';
import { nudge } from '../../src/jobs/hints.ts';
import type { Namespace, Ways } from '../../src/hosts/cloudflare/ways.ts';
import type { Platform } from '../../src/hosts/runner.ts';
import { probe } from '../port/probe.ts';
import { CALM, type Weather } from '../port/world.ts';

/** The probe as a Durable Object, with an HTTP face through which a test outside the process drives it. */
export interface Env {
  readonly PROBE: Namespace;
  /** The product's actors, in tests inside workerd. */
  readonly ACCOUNT?: Namespace;
  readonly DEVICE?: Namespace;
  readonly CALL?: Namespace;
  readonly HINTS: Queue;
  /** A bug to plant: `forget-heard` loses the memory of applied mail. */
  readonly PLANT?: string;
}

export function ways(env: Env): Ways {
  return {
    namespaces: new Map(
      Object.entries({ probe: env.PROBE, account: env.ACCOUNT, device: env.DEVICE, call: env.CALL }).flatMap(
        ([kind, namespace]) => (namespace ? [[kind, namespace] as const] : []),
      ),
    ),
    queues: new Map(['hints', 'events', 'wakeups', 'warnings', 'invitations'].map((queue) => [queue, env.HINTS])),
    jurisdiction: null,
  };
}

let weather: Weather = CALM;

/** Mail between probes flies through the weather that the test has made. */
function weathered(own: Platform): Platform {
  const carry: Platform['carry'] = async (mail) => {
    if (Math.random() < weather.lost) throw new Error('lost');
    if (Math.random() < weather.twice) await own.carry(mail);
    const reply = await own.carry(mail);
    if (Math.random() < weather.unanswered) throw new Error('unanswered');
    return reply;
  };
  const ask: Platform['ask'] = async (...flight) => {
    if (Math.random() < weather.lost) throw new Error('lost');
    return own.ask(...flight);
  };
  return new Proxy(own, {
    get: (target, name) => {
      if (name === 'carry') return carry;
      if (name === 'ask') return ask;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The bug that a crash must bring to light: what was applied is not remembered. */
function forgetful(own: Store): Store {
  return {
    all: (sql, binds) => own.all(sql, binds),
    run: (sql, binds) => (/^(UPDATE|INSERT INTO) port_heard/.test(sql) ? 1 : own.run(sql, binds)),
  };
}

/** How many instances have been made in this process, for tests inside it and outside. */
export const instances = { made: 0 };

export const ProbeActor = actorObject<Env>(probe, ways, {
  platform: weathered,
  store: (own, env) => {
    instances.made++;
    return env.PLANT === 'forget-heard' ? forgetful(own) : own;
  },
});

export const AccountActor = actorObject<Env>(account, ways);
export const DeviceActor = actorObject<Env>(device, ways);
export const CallActor = actorObject<Env>(call, ways);

async function control(request: Request, env: Env): Promise<Response> {
  const url = new URL(request.url);
  const [, verb, name] = url.pathname.split('/').map(decodeURIComponent);
  const query = (key: string) => url.searchParams.get(key) ?? '';
  const to: Address = { kind: 'probe', name: name ?? '' };
  const actors = new ObjectActors(ways(env));
  switch (verb) {
    case 'command':
      return Response.json(await actors.command(to, query('key'), await request.json<Json>()));
    case 'hinted':
      return Response.json(await actors.hinted(to, query('queue'), query('key')));
    case 'socket':
      return actors.upgrade(to, request, { tags: url.searchParams.getAll('tag'), body: JSON.parse(query('said')) });
    case 'weather':
      weather = await request.json<Weather>();
      return new Response(null, { status: 204 });
    case 'made':
      return Response.json(instances.made);
    default:
      return new Response(null, { status: 404 });
  }
}

export default {
  fetch: control,
  async queue(batch, env) {
    const consumers = new Map([['hints', nudge(new ObjectActors(ways(env)), 'hints')]]);
    await consume(batch, consumers, report);
  },
} satisfies ExportedHandler<Env>;
