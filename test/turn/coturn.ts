import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/port.ts';

/** A real coturn on the loopback, over UDP and TCP on one port. */
export interface Coturn {
  readonly port: number;
  stop(): Promise<void>;
}

const START_MS = 60_000;
/** Of relays, away from what the system gives to others. */
const [MIN_PORT, MAX_PORT] = [20_160, 20_360];

export async function startCoturn(...secrets: readonly string[]): Promise<Coturn> {
  const folder = mkdtempSync(join(tmpdir(), 'callsign-coturn-'));
  const port = await freePort();
  const child: ChildProcess = spawn(
    'turnserver',
    [
      '-n',
      '--listening-ip=127.0.0.1',
      '--relay-ip=127.0.0.1',
      `--listening-port=${port}`,
      `--min-port=${MIN_PORT}`,
      `--max-port=${MAX_PORT}`,
      '--fingerprint',
      '--use-auth-secret',
      ...secrets.map((secret) => `--static-auth-secret=${secret}`),
      '--realm=call.test',
      '--no-tls',
      '--no-dtls',
      '--no-cli',
      '--no-multicast-peers',
      '--allow-loopback-peers',
      `--userdb=${join(folder, 'turndb')}`,
      `--pidfile=${join(folder, 'pid')}`,
      '--log-file=stdout',
    ],
    { cwd: folder, stdio: 'ignore' },
  );
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  for (const deadline = Date.now() + START_MS; !(await listens(port));) {
    if (child.exitCode === null && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    await stop();
    throw new Error('coturn did not start');
  }
  return { port, stop };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
