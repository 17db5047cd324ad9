import { createServer } from 'node:net';

/** Below those that Linux gives away by itself, so that no connection takes one while its server is away; above those that browsers refuse. */
const [LOWEST, HIGHEST] = [10_100, 32_700];

/** A port of the loopback address that is free, for a process that must come back to the same one. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
