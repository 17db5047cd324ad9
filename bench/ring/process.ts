import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';

const START_MS = 15_000;

/** A server as its package brings it; resolves when its port answers. */
export async function serve(program: string, args: readonly string[], port: number): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: 'ignore' });
  for (const deadline = Date.now() + START_MS; !(await answers(port)); await pause(20))
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${program} did not start`);
  return child;
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
