/** The second implementation as a process of its own: asked in JSON lines. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { PATIENCE_MS } from '../support/patience.ts';

export type Json = Record<string, unknown>;

export interface Second {
  /** Throws what the second implementation threw. */
  ask(command: Json): Promise<Json>;
  stop(): void;
}

export function startSecond(): Second {
  const peer = spawn(process.execPath, ['test/independent/peer.mjs'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: 2 * PATIENCE_MS,
  });
  const lines = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
  return {
    async ask(command) {
      peer.stdin.write(`${JSON.stringify(command)}\n`);
      const { value } = await lines.next();
      const result = JSON.parse(value as string) as Json;
      if ('error' in result) throw new Error(String(result['error']));
      return result;
    },
    stop: () => peer.kill('SIGKILL'),
  };
}
