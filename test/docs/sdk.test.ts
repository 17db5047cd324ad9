import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Server, startServer } from '../../demo/server.ts';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import { Page } from './page.ts';
import { PATIENCE_MS } from '../support/patience.ts';

const page = new Page('docs/sdk.md');
const folder = mkdtempSync(join(tmpdir(), 'callsign-sdk-'));
let server: Server;

beforeAll(async () => {
  server = await startServer('deno', await makeDevelopmentSecrets(Date.now()), {});
});

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** All blocks of the page as one program; what it imports of ours is found wherever the program lies. */
function program(): string {
  const root = new URL('../../', import.meta.url).href;
  const blocks = page.blocks.filter(({ language }) => language === 'ts').map(({ text }) => text);
  return blocks.join('\n').replaceAll(/from '\.\//g, `from '${root}`);
}

test('the examples of the page run, and print what the page says', async () => {
  const file = join(folder, 'example.ts');
  writeFileSync(file, program());
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], {
    env: { ...process.env, CALLSIGN_URL: server.url },
    timeout: 2 * PATIENCE_MS,
  });
  const told =
    page.blocks
      .find(({ language }) => language === 'text')
      ?.text.trim()
      .split('\n') ?? [];
  const printed = stdout.trim().split('\n');
  expect(stderr).toBe('');
  expect(told.length).toBeGreaterThan(5);
  expect(printed).toEqual(told);
});
