/** A software TPM of its own for one test file: a process on a unix socket in a temporary folder, ended with the test. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenTpm } from '../../cli/support/tpm-socket.ts';
import { openTpm } from '../../cli/support/tpm-socket.ts';
import { tpm2b } from '../../src/attestation/tpm/sized.ts';
import { concat, u16, u32 } from '../../src/bytes/join.ts';
import { execute, HANDLE } from '../../src/sdk/tpm/command.ts';
import { Tpm } from '../../src/sdk/tpm/tpm.ts';
import { PATIENCE_MS } from './patience.ts';
import { found } from './program.ts';

export const swtpmInstalled = found('swtpm', 'swtpm', 'TPMs');

export interface SoftwareTpm {
  readonly driver: OpenTpm;
  readonly tpm: Tpm;
  /** Ends the process and starts it again on the same state: a reboot. Transient objects are gone, NV and seeds stay. */
  restart(): Promise<void>;
  /** Reboots and lets another program have the TPM at `socket` for as long as `body` runs; `tcti` names it to the TSS (OpenSSL, tpm2-tools). */
  lend<T>(body: (at: { readonly socket: string; readonly tcti: string }) => Promise<T>): Promise<T>;
  /** Ends the process and removes its folder. */
  stop(): Promise<void>;
}

export async function startSwtpm(): Promise<SoftwareTpm> {
  const folder = await mkdtemp(join(tmpdir(), 'swtpm-'));
  let running = await launch(folder);
  const driver: OpenTpm = {
    transmit: (command) => running.driver.transmit(command),
    close: () => running.driver.close(),
  };
  const end = async (): Promise<void> => {
    await running.driver.close();
    await ended(running.process);
  };
  return {
    driver,
    tpm: new Tpm(driver),
    restart: async () => {
      await end();
      running = await launch(folder);
    },
    lend: async (body) => {
      await end();
      const { process: child, socket } = await spawnSwtpm(folder, []);
      try {
        await (await connected(socket, child)).close();
        return await body({ socket, tcti: `swtpm:path=${socket}` });
      } finally {
        child.kill('SIGTERM');
        await ended(child);
        running = await launch(folder);
      }
    },
    stop: async () => {
      await end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function launch(folder: string): Promise<{ process: ChildProcess; driver: OpenTpm }> {
  const { process: child, socket } = await spawnSwtpm(folder, ['--terminate']);
  return { process: child, driver: await connected(socket, child) };
}

async function spawnSwtpm(folder: string, more: readonly string[]): Promise<{ process: ChildProcess; socket: string }> {
  const socket = join(folder, 'socket');
  await Promise.all([rm(socket, { force: true }), rm(`${socket}.ctrl`, { force: true })]);
  const channels = ['--server', `type=unixio,path=${socket}`, '--ctrl', `type=unixio,path=${socket}.ctrl`];
  const flags = ['--flags', 'not-need-init,startup-clear', ...more];
  const child = spawn('swtpm', ['socket', '--tpm2', '--tpmstate', `dir=${folder}`, ...channels, ...flags], {
    stdio: 'ignore',
  });
  return { process: child, socket };
}

/** The socket's name appears a moment before anybody listens on it. */
async function connected(socket: string, child: ChildProcess): Promise<OpenTpm> {
  for (const deadline = Date.now() + PATIENCE_MS; ;) {
    const driver = existsSync(socket) ? await openTpm(socket).catch(() => null) : null;
    if (driver !== null) return driver;
    if (Date.now() > deadline || child.exitCode !== null) {
      child.kill('SIGKILL');
      throw new Error('swtpm did not start');
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** `--terminate` ends it when the connection closes; if it does not, it is killed. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
  await new Promise((resolve) => child.once('exit', resolve));
  clearTimeout(timer);
}

/** TPMA_NV of a TCG certificate index that the owner made: written by the owner, read by anybody, not subject to lockout. */
const NV_ATTRIBUTES = 0x02 | 0x04 | (1 << 17) | (1 << 18) | (1 << 25);
const NV_CHUNK = 512;

/** What a TPM maker does in the factory: leaves a certificate at an NV index. */
export async function writeNv(driver: OpenTpm, index: number, content: Uint8Array): Promise<void> {
  const area = concat(u32(index), u16(0x000b), u32(NV_ATTRIBUTES), u16(0), u16(content.length));
  const sessions = [HANDLE.password];
  const define = { name: 'NV_DefineSpace' as const, handles: [HANDLE.owner], sessions };
  await execute(driver, { ...define, parameters: [tpm2b(new Uint8Array(0)), tpm2b(area)] });
  for (let at = 0; at < content.length; at += NV_CHUNK) {
    const parameters = [tpm2b(content.slice(at, at + NV_CHUNK)), u16(at)];
    await execute(driver, { name: 'NV_Write', handles: [HANDLE.owner, index], sessions, parameters });
  }
}
