import { actorObject } from './actor-object.ts';
import { bindings } from './bindings.ts';
import { account, call, device } from './registry.ts';

export const AccountActor = actorObject<CloudflareBindings>(account, bindings);
export const DeviceActor = actorObject<CloudflareBindings>(device, bindings);
export const CallActor = actorObject<CloudflareBindings>(call, bindings);

export default {
  async fetch(request, env): Promise<Response> {
    bindings(env);
    const { pathname } = new URL(request.url);
    return pathname === '/healthz' ? new Response('ok\n') : new Response(null, { status: 404 });
  },
} satisfies ExportedHandler<CloudflareBindings>;
