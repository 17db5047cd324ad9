import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PATIENCE_MS } from '../../../test/support/patience.ts';

const DENO = new URL('../../../node_modules/deno/deno', import.meta.url).pathname;

let parent = '';
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'callsign-main-'));
});
afterEach(() => rmSync(parent, { recursive: true }));

const settings = (more: Record<string, string> = {}) => ({
  env: { ...process.env, CALLSIGN_DATA: join(parent, 'data'), CALLSIGN_PORT: '0', ...more },
  timeout: PATIENCE_MS,
});

test('the server starts on an empty folder, says it is well, keeps its files to itself and ends in order', async () => {
  const server = spawn(DENO, ['task', 'start'], { ...settings(), stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: { event: string; address?: string }[] = [];
  const exit = once(server, 'exit');
  for await (const line of createInterface({ input: server.stdout })) {
    lines.push(JSON.parse(line) as { event: string });
    const { event, address } = lines.at(-1)!;
    if (event !== 'serving') continue;
    const health = await fetch(`${address}/healthz`);
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }]);
    expect((await fetch(`${address}/elsewhere`)).status).toBe(404);
    for (const name of readdirSync(join(parent, 'data')))
      expect(statSync(join(parent, 'data', name)).mode & 0o077).toBe(0);
    process.kill(server.pid!, 'SIGTERM');
  }
  expect((await exit)[0]).toBe(0);
  expect(lines.at(-1)?.event).toBe('stopping');
  expect(readdirSync(join(parent, 'data')).toSorted()).toEqual([
    'actors-00.sqlite',
    'd1.sqlite',
    'deployment.json',
    'development-secrets.json',
    'lock',
  ]);
});

test('a bad setting is refused with one sentence and exit code 1, and makes no folder', () => {
  const refused = spawnSync(DENO, ['task', '--quiet', 'start'], settings({ CALLSIGN_PORT: 'eighty' }));
  expect(refused.status).toBe(1);
  expect(String(refused.stderr)).toBe('CALLSIGN_PORT must be a whole number from 0 to 65535; it is "eighty".\n');
  expect(readdirSync(parent)).toEqual([]);
});
