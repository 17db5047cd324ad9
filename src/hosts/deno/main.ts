/** The server as one Deno process: composes its parts, serves, and ends in order on SIGTERM or SIGINT. */
import { openBindings } from './bindings.ts';
import { readConfig } from './config.ts';
import { Refused } from './refused.ts';
import { log } from './log.ts';

const HEALTHY_WITHIN_MS = 2_000;

async function start(): Promise<void> {
  process.umask(0o077);
  const config = readConfig(process.env);
  const bindings = await openBindings(config, { actors: [], consumers: () => new Map() });
  let stopping = false;

  const server = Deno.serve(
    {
      hostname: config.hostname,
      port: config.port,
      onListen: ({ hostname, port }) => log('serving', { address: `http://${hostname}:${port}` }),
    },
    async (request) => {
      if (new URL(request.url).pathname !== '/healthz') return new Response(null, { status: 404 });
      const ok = !stopping && (await bindings.healthy(HEALTHY_WITHIN_MS));
      return Response.json({ status: ok ? 'ok' : 'failing' }, { status: ok ? 200 : 503 });
    },
  );

  const stop = async (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    log('stopping', { signal });
    await Promise.all([server.shutdown(), bindings.close()]);
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => void stop(signal));
}

try {
  await start();
} catch (error) {
  console.error(error instanceof Refused ? error.message : error);
  process.exit(1);
}
