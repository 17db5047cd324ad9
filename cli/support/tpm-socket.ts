/** Ways from Node to a TPM: a socket that speaks raw TPM bytes (swtpm), or a character device (/dev/tpmrm0). */
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { TpmDriver } from '../../src/sdk/tpm/driver.ts';

export interface OpenTpm extends TpmDriver {
  close(): Promise<void>;
}

/** Longest response of a TPM (TPM 2.0 Part 2 §6.1, MAX_RESPONSE_SIZE of the PC Client profile). */
const LONGEST = 4096;
const HEADER = 10;
const TIMEOUT_MS = 60_000;

/** Opens `where`: a character device, the path of a unix socket, or `host:port`. */
export async function openTpm(where: string): Promise<OpenTpm> {
  const tcp = /^([^/]+):(\d+)$/.exec(where);
  if (tcp) return socketTpm(await connected(connect(Number(tcp[2]), tcp[1])));
  return (await stat(where)).isSocket()
    ? socketTpm(await connected(connect(where)))
    : deviceTpm(await open(where, 'r+'));
}

function connected(socket: Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket)).once('error', reject);
  });
}

/** The response is as long as its own header says (Part 1 §18.4); there is no other framing. */
function socketTpm(socket: Socket): OpenTpm {
  let received = Buffer.alloc(0);
  let wake = (): void => undefined;
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    wake();
  });
  socket.on('error', () => wake()).on('close', () => wake());

  const answered = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the TPM does not answer')), TIMEOUT_MS);
      wake = () => {
        const complete = received.length >= HEADER && received.length >= received.readUInt32BE(2);
        if (!complete && !socket.destroyed && received.length <= LONGEST) return;
        clearTimeout(timer);
        if (complete) resolve();
        else reject(new Error('the TPM closed the connection or answers more than a TPM may'));
      };
      wake();
    });

  const transmit = async (command: Uint8Array): Promise<Uint8Array> => {
    received = Buffer.alloc(0);
    socket.write(command);
    await answered();
    return new Uint8Array(received);
  };
  return { transmit: queued(transmit), close: () => new Promise((resolve) => void socket.end(() => resolve())) };
}

/** The kernel's resource manager answers one read per write. */
function deviceTpm(file: FileHandle): OpenTpm {
  const transmit = async (command: Uint8Array): Promise<Uint8Array> => {
    await file.write(command);
    const { bytesRead, buffer } = await file.read(new Uint8Array(LONGEST), 0, LONGEST, null);
    return buffer.slice(0, bytesRead);
  };
  return { transmit: queued(transmit), close: () => file.close() };
}

/** One command at a time, in the order of the calls; a failed one does not stop the next. */
function queued(transmit: TpmDriver['transmit']): TpmDriver['transmit'] {
  let last: Promise<unknown> = Promise.resolve();
  return (command) => {
    const answer = last.then(
      () => transmit(command),
      () => transmit(command),
    );
    last = answer;
    return answer;
  };
}
