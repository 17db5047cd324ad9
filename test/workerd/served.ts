import unsafe from 'workerd:unsafe';
import probeWorker, { ProbeActor, type Env } from './probe-worker.ts';

export { ProbeActor };

/** The probe worker as a process of its own serves it: with a way to put one object out of memory, sockets kept. */
export default {
  ...probeWorker,
  async fetch(request: Request, env: Env): Promise<Response> {
    const [, verb, name] = new URL(request.url).pathname.split('/').map(decodeURIComponent);
    if (verb !== 'evict') return probeWorker.fetch(request, env);
    const { PROBE } = env;
    await unsafe.evict(PROBE.get(PROBE.idFromName(name ?? '')), { webSockets: 'hibernate' });
    return new Response(null, { status: 204 });
  },
};
