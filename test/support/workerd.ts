import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { PATIENCE_MS } from './patience.ts';
import { freePort } from '../../demo/free-port.ts';

/** A Worker served by workerd itself: no proxy before it, Durable Objects on disk. See docs/decisions/0002-running-workerd.md. */
export interface Workerd {
  readonly url: string;
  /** SIGKILL, without warning. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts on the same rows and the same port. */
  start(): Promise<void>;
  /** Ends the process and removes its rows. */
  stop(): Promise<void>;
  /** Of the process that serves now. */
  readonly pid: number | undefined;
  /** What the process has written, newest last; bounded. */
  readonly log: readonly string[];
}

export interface WorkerdOptions {
  /** The Worker's entry, a TypeScript file. */
  readonly entry: string;
  /** Binding name -> exported Durable Object class. */
  readonly objects: Readonly<Record<string, string>>;
  /** Binding name -> queue; the entry consumes them all. */
  readonly queues?: Readonly<Record<string, string>>;
  readonly vars?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
}

const COMPATIBILITY_DATE = '2026-10-30';
const KEPT_LOG_LINES = 500;

async function bundle(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'esm',
    target: 'esnext',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*', 'workerd:*'],
    logLevel: 'warning',
  });
}

/** The configuration of workerd (workerd.capnp): one Worker, its objects in a folder, its queues, one socket on loopback. */
function configuration(port: number, { objects, queues = {}, vars = {}, flags = [] }: WorkerdOptions): string {
  const text = JSON.stringify;
  const namespaces = Object.values(objects).map(
    (name) => `(className = ${text(name)}, uniqueKey = ${text(`test-${name}`)}, enableSql = true)`,
  );
  const bound = [
    ...Object.entries(objects).map(
      ([name, object]) => `(name = ${text(name)}, durableObjectNamespace = ${text(object)})`,
    ),
    ...Object.entries(queues).map(([name, queue]) => `(name = ${text(name)}, queue = ${text(`queue-${queue}`)})`),
    ...Object.entries(vars).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`),
  ];
  const brokers = Object.values(queues).map(
    (queue) => `(name = ${text(`queue-${queue}`)}, worker = (
      modules = [(name = "broker.js", esModule = embed "broker.js")],
      compatibilityDate = ${text(COMPATIBILITY_DATE)},
      compatibilityFlags = ["service_binding_extra_handlers"],
      bindings = [(name = "QUEUE", text = ${text(queue)}), (name = "CONSUMER", service = "main")],
    )),`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "objects", disk = (path = "objects", writable = true)),
    ${brokers.join('\n    ')}
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = ${text(COMPATIBILITY_DATE)},
  compatibilityFlags = [${flags.map((flag) => text(flag)).join(', ')}],
  durableObjectNamespaces = [${namespaces.join(', ')}],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [${bound.join(', ')}],
);
`;
}

/** The binary itself, so that the pid we kill is the process that holds the rows. */
function binary(): string {
  const require = createRequire(import.meta.url);
  return (require('workerd') as { default: string }).default;
}

function listening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
    socket.once('connect', () => socket.destroy());
  });
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export async function startWorkerd(options: WorkerdOptions): Promise<Workerd> {
  const folder = mkdtempSync(join(tmpdir(), 'callsign-workerd-'));
  const port = await freePort();
  const log: string[] = [];
  let child: ChildProcess | undefined;

  mkdirSync(join(folder, 'objects'));
  await bundle(options.entry, join(folder, 'worker.js'));
  await bundle('test/workerd/broker.ts', join(folder, 'broker.js'));
  writeFileSync(join(folder, 'config.capnp'), configuration(port, options));

  const keep = (chunk: Buffer) => {
    log.push(...chunk.toString().split('\n').filter(Boolean));
    log.splice(0, log.length - KEPT_LOG_LINES);
  };
  const end = async (signal: NodeJS.Signals) => {
    const running = child;
    child = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const gone = new Promise((resolve) => running.once('exit', resolve));
    running.kill(signal);
    await gone;
  };
  const start = async () => {
    const started = spawn(binary(), ['serve', '--experimental', 'config.capnp'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    started.stdout.on('data', keep);
    started.stderr.on('data', keep);
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await listening(port))) {
      if (started.exitCode !== null || Date.now() > deadline)
        throw new Error(`workerd did not start: ${log.slice(-5).join(' | ')}`);
      await pause(10);
    }
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    log,
    get pid() {
      return child?.pid;
    },
    start,
    kill: () => end('SIGKILL'),
    stop: async () => {
      await end('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
