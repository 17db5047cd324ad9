import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Answer } from '../../src/actors/port.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import type { Said } from './probe.ts';
import { CALM, type Client, type Weather, type World } from './world.ts';

/** The binary itself and not its launcher, so that a signal to the pid reaches the server. */
const DENO = new URL('../../node_modules/deno/deno', import.meta.url).pathname;
const MAIN = new URL('./deno-main.ts', import.meta.url).pathname;

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
}

export interface DenoWorld extends World {
  readonly folder: string;
  /** The process dies by itself at a labelled point of the commit that is `after` commits away. */
  fatal(point: 'before-commit' | 'after-commit', after: number): Promise<void>;
  /** What it printed for the operator, one JSON object per line. */
  readonly faults: readonly string[];
  /** SIGTERM, and waits for the end. */
  terminate(): Promise<number | null>;
  start(): Promise<void>;
}

/** A bug put into the process, to see that a test finds it. */
export type Plant = '' | 'answer-before-commit';

/** The probe on a real Deno process over a folder of its own, killed by pid and started again on the same rows. */
export async function denoWorld(plant: Plant = ''): Promise<DenoWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'callsign-deno-'));
  const faults: string[] = [];
  let sky: Weather = CALM;
  let running = await launch(folder, sky, plant, faults);

  const call = async (path: string, body: object): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${running.port}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    return response.json();
  };
  const answered = (path: string, body: object): Promise<Answer> =>
    call(path, body).then(
      (answer) => answer as Answer,
      () => ({ ok: false, reason: 'unavailable' }),
    );

  return {
    folder,
    faults,
    command: (name, said, key = crypto.randomUUID()) => answered('/command', { name, said, key }),
    hinted: (name, queue, key) => answered('/hinted', { name, queue, key }),
    connect: (name, tags, said) => connect(running.port, name, tags, said),
    async crash() {
      await end(running.child, 'SIGKILL');
      running = await launch(folder, sky, plant, faults);
    },
    async evict() {},
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    async weather(weather) {
      sky = weather;
      await call('/weather', { weather });
    },
    async fatal(point, after) {
      await call('/fatal', { fatal: { point, after } });
    },
    terminate: () => end(running.child, 'SIGTERM'),
    async start() {
      running = await launch(folder, sky, plant, faults);
    },
    async stop() {
      await end(running.child, 'SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function launch(folder: string, sky: Weather, plant: Plant, faults: string[]): Promise<Running> {
  const child = spawn(DENO, ['run', '-A', '--no-remote', MAIN, folder, JSON.stringify(sky), plant], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  createInterface({ input: child.stderr }).on('line', (line) => faults.push(line));
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /^serving (\d+)$/.exec(line)?.[1];
    if (!port) continue;
    clearTimeout(timer);
    return { child, port: Number(port) };
  }
  clearTimeout(timer);
  throw new Error(`the Deno process did not start: ${faults.slice(-20).join('\n')}`);
}

async function end(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exit = once(child, 'exit');
  // By pid: under Deno, child.kill() hides the exit code.
  process.kill(child.pid!, signal);
  const [code] = (await exit) as [number | null];
  return code;
}

async function connect(port: number, name: string, tags: readonly string[], said: Said): Promise<Client> {
  const open = encodeURIComponent(JSON.stringify({ name, tags, said }));
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket?open=${open}`);
  const frames: string[] = [];
  socket.addEventListener('message', (event) => frames.push(String(event.data)));
  const closed = new Promise<{ code: number }>((resolve) => {
    socket.addEventListener('close', (event) => resolve({ code: event.code }));
  });
  const opened = new Promise<void>((resolve) => {
    socket.addEventListener('open', () => resolve());
  });
  await Promise.race([opened, closed]);
  return {
    frames,
    closed,
    send: (frame) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    close: () => socket.close(1000),
  };
}
