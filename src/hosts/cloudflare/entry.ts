import { Challenges } from '../../db/challenges.ts';
import { database } from '../../db/database.ts';
import { actorObject } from './actor-object.ts';
import { ObjectActors } from './actors.ts';
import { bindings } from './bindings.ts';
import { report } from './faults.ts';
import { consume, look } from './queues.ts';
import { account, call, device } from './registry.ts';
import { housekeep, type Chore } from './scheduled.ts';

export const AccountActor = actorObject<CloudflareBindings>(account, bindings);
export const DeviceActor = actorObject<CloudflareBindings>(device, bindings);
export const CallActor = actorObject<CloudflareBindings>(call, bindings);

export default {
  async fetch(request, env): Promise<Response> {
    bindings(env);
    const { pathname } = new URL(request.url);
    return pathname === '/healthz' ? new Response('ok\n') : new Response(null, { status: 404 });
  },

  async queue(batch, env): Promise<void> {
    const bound = bindings(env);
    const actors = new ObjectActors(bound);
    const consumers = new Map([...bound.queues.keys()].map((queue) => [queue, look(actors, queue)]));
    await consume(batch, consumers, report);
  },

  async scheduled(event, env): Promise<void> {
    const challenges = new Challenges(database(bindings(env).db));
    const chores: Chore[] = [{ name: 'used-challenges', work: (now) => challenges.sweep(now) }];
    await housekeep(event, chores, report);
  },
} satisfies ExportedHandler<CloudflareBindings>;
