import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import { PATIENCE_MS } from './patience.ts';
import { freePort } from '../../demo/free-port.ts';

/** The Worker of wrangler.toml as one process group with its own state; see tools/serve-worker.ts. */
export interface Product {
  /** Serves pages and API. */
  readonly url: string;
  /** Leads straight into the Worker, without the router of pages: for load. */
  readonly direct: string;
  /** SIGKILL to the whole group. Resolves when it is gone; its state stays. */
  kill(): Promise<void>;
  /** Starts on the same state and ports. */
  start(): Promise<void>;
  /** Ends the group and removes its state. */
  stop(): Promise<void>;
  /** Its latest lines, newest last. */
  readonly log: readonly string[];
}

const KEPT_LOG_LINES = 500;

export async function startProduct(vars: Readonly<Record<string, string>> = {}): Promise<Product> {
  const state = mkdtempSync(join(tmpdir(), 'callsign-product-'));
  const [port, direct] = [await freePort(), await freePort()];
  const secrets = await makeDevelopmentSecrets(Date.now());
  const log: string[] = [];
  let running: ChildProcess | undefined;

  const keep = (line: string) => {
    log.push(line);
    log.splice(0, log.length - KEPT_LOG_LINES);
  };
  const kill = async () => {
    const child = running;
    running = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'close');
    process.kill(-child.pid, 'SIGKILL');
    await gone;
  };
  const start = async () => {
    const child = spawn(
      process.execPath,
      [
        'tools/serve-worker.ts',
        '--state',
        state,
        '--port',
        String(port),
        '--direct-port',
        String(direct),
        ...Object.entries({ ORIGIN: `http://127.0.0.1:${port}`, ...vars }).flatMap(([name, value]) => [
          '--var',
          `${name}=${value}`,
        ]),
      ],
      { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...secrets } },
    );
    running = child;
    createInterface({ input: child.stderr }).on('line', keep);
    const lines = createInterface({ input: child.stdout }).on('line', keep);
    const ready = new Promise<void>((resolve) => {
      lines.on('line', (line) => line.startsWith('{"url":') && resolve());
    });
    const failed = once(child, 'exit').then(() => 'ended');
    const late = new Promise<string>((resolve) => setTimeout(() => resolve('is late'), PATIENCE_MS).unref());
    const problem = await Promise.race([ready, failed, late]);
    if (problem === undefined) return;
    await kill();
    throw new Error(`the Worker ${problem} at its start: ${log.slice(-10).join(' | ')}`);
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    direct: `http://127.0.0.1:${direct}`,
    log,
    kill,
    start,
    stop: async () => {
      await kill();
      rmSync(state, { recursive: true, force: true });
    },
  };
}
