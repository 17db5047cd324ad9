/** Debian's coturn for one test file, on loopback over UDP and TCP, with REST credentials; ended with the test. */
import { createHmac } from 'node:crypto';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATIENCE_MS } from './patience.ts';
import { freePort } from '../../demo/free-port.ts';
import { found } from './program.ts';

export const coturnInstalled = found('turnserver', 'coturn', 'media over a relay');

export interface Coturn {
  readonly port: number;
  /** `turn:` URLs with credentials that last `seconds`; a negative number makes expired ones. */
  credentials(seconds?: number): RTCIceServer;
  stop(): Promise<void>;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export interface CoturnOptions {
  /** The most that one session may move, both ways together; beyond it the relay drops. */
  readonly bytesPerSecond?: number;
  /** Of REST credentials; the first makes those of `credentials`. */
  readonly secrets?: readonly [string, ...string[]];
}

export async function startCoturn({
  bytesPerSecond,
  secrets = ['test-secret-of-coturn'],
}: CoturnOptions = {}): Promise<Coturn> {
  const folder = mkdtempSync(join(tmpdir(), 'callsign-coturn-'));
  const port = await freePort();
  const options = [
    ...'-n --listening-ip=127.0.0.1 --relay-ip=127.0.0.1 --min-port=49160 --max-port=49960'.split(' '),
    ...'--fingerprint --lt-cred-mech --use-auth-secret --realm=call.test --no-tls --no-dtls --no-cli'.split(' '),
    ...'--no-multicast-peers --allow-loopback-peers --log-file=stdout'.split(' '),
    `--listening-port=${port}`,
    ...secrets.map((secret) => `--static-auth-secret=${secret}`),
    `--userdb=${join(folder, 'users')}`,
    `--pidfile=${join(folder, 'pid')}`,
    ...(bytesPerSecond === undefined ? [] : [`--max-bps=${bytesPerSecond}`]),
  ];
  const child = spawn('turnserver', options, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  let over = false;
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      over = true;
      resolve();
    });
  });
  for (const deadline = Date.now() + PATIENCE_MS; !(await listens(port));) {
    if (over || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`coturn did not start: ${output.slice(-500)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    port,
    credentials(seconds = 600) {
      const username = `${Math.floor(Date.now() / 1_000) + seconds}:test`;
      const credential = createHmac('sha1', secrets[0]).update(username).digest('base64');
      return { urls: [`turn:127.0.0.1:${port}?transport=udp`], username, credential };
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
