import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Secrets } from '../src/hosts/secrets.ts';
import { freePort } from './free-port.ts';

export type HostName = 'workerd' | 'deno';

/** The server under demonstration: a process group of its own, with its own state, on the loopback. */
export interface Server {
  readonly url: string;
  /** Where its state is. */
  readonly folder: string;
  /**
   * SIGKILL to what runs the Worker's code and holds its rows, and the same state again. `changed`: settings that are others from now
   * on; then all of it is killed.
   */
  restart(changed?: Readonly<Record<string, string>>): Promise<void>;
  /** SIGKILL, or the signal given, to all of it; its state stays. */
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Ends it and removes its state. */
  stop(): Promise<void>;
  /** What it printed. */
  readonly log: readonly string[];
}

/** A machine may have much else to do. */
const START_MS = 180_000;

function command(
  host: HostName,
  port: number,
  state: string,
  vars: Readonly<Record<string, string>>,
  entry: string | undefined,
): { args: string[]; env: Record<string, string> } {
  if (host === 'deno') {
    const args = [
      'run',
      '--no-remote',
      // A folder in memory is a device's, and those Deno gives only to who may do everything.
      ...(state.startsWith('/dev/')
        ? ['--allow-all']
        : ['--allow-net=127.0.0.1', '--allow-env', '--allow-read', `--allow-write=${state}`, '--allow-sys']),
      entry ?? 'src/hosts/deno/main.ts',
    ];
    return {
      args: ['node_modules/.bin/deno', ...args],
      env: { ...vars, CALLSIGN_DATA: state, CALLSIGN_PORT: String(port) },
    };
  }
  const settings = Object.entries(vars).filter(([name]) => !name.startsWith('CALLSIGN_'));
  const flags = settings.flatMap(([name, value]) => ['--var', `${name}=${value}`]);
  const own = entry === undefined ? [] : ['--entry', entry];
  return {
    args: [process.execPath, 'tools/serve-worker.ts', '--state', state, '--port', String(port), ...flags, ...own],
    env: { ...vars },
  };
}

export async function startServer(
  host: HostName,
  secrets: Secrets,
  settings: Readonly<Record<string, string>>,
  /** Another program than the product's own: the same server with something planted. */
  entry?: string,
): Promise<Server> {
  const state = mkdtempSync(join(tmpdir(), 'callsign-demo-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let vars = { POLICY: 'development', ...settings, ...secrets, ORIGIN: url, DEPLOYMENT: 'development' };
  const log: string[] = [];
  let running: ChildProcess | null = null;

  async function start(): Promise<void> {
    const { args, env } = command(host, port, state, vars, entry);
    const [program = '', ...rest] = args;
    const child = spawn(program, rest, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    running = child;
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => log.push(line));
    for (const deadline = Date.now() + START_MS; ;) {
      if (await answers(url)) return;
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error(`the server did not start:\n${log.slice(-15).join('\n')}`);
      await pause(50);
    }
  }

  async function kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = running;
    running = null;
    if (!child?.pid || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('close', resolve));
    process.kill(-child.pid, signal);
    await gone;
  }

  /** Miniflare starts a workerd that died again by itself, in a third of the time that it needs to start itself. */
  async function restart(changed?: Readonly<Record<string, string>>): Promise<void> {
    vars = { ...vars, ...changed };
    const workerd = host === 'workerd' && !changed ? childOf(running?.pid, 'workerd') : undefined;
    if (workerd === undefined) {
      await kill();
      return start();
    }
    process.kill(workerd, 'SIGKILL');
    for (
      const deadline = Date.now() + START_MS;
      nameOf(workerd) === 'workerd' || !(await answers(url));
      await pause(20)
    )
      if (Date.now() > deadline) throw new Error(`workerd did not come back:\n${log.slice(-15).join('\n')}`);
  }

  await start();
  return {
    url,
    log,
    folder: state,
    restart,
    kill,
    stop: async () => {
      await kill();
      rmSync(state, { recursive: true, force: true });
    },
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The name of a process that lives; undefined too where the system does not tell. */
function nameOf(pid: number): string | undefined {
  try {
    const [, name, state] = /^\d+ \((.*)\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return state === 'Z' ? undefined : name;
  } catch {
    return undefined;
  }
}

function childOf(parent: number | undefined, name: string): number | undefined {
  try {
    const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').map(Number);
    return children.find((pid) => nameOf(pid) === name);
  } catch {
    return undefined;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`)).ok;
  } catch {
    return false;
  }
}
