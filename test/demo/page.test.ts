/** `npm start` and its page, as somebody who evaluates uses them: two windows, a call, a picture on either side. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumInstalled, openBrowser } from '../support/chromium.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { freePort } from '../../demo/free-port.ts';

describe.skipIf(!chromiumInstalled)('the page of npm start', () => {
  const state = mkdtempSync(join(tmpdir(), 'callsign-start-'));
  let server: ChildProcess;
  let browser: Browser;
  let origin = '';
  let output = '';
  beforeAll(async () => {
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    server = spawn(process.execPath, ['tools/start.ts', '--port', String(port), '--state', state], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [server.stdout!, server.stderr!]) stream.on('data', (chunk) => (output += String(chunk)));
    for (const deadline = Date.now() + PATIENCE_MS; !output.includes('/call\n');) {
      if (server.exitCode !== null || Date.now() > deadline) throw new Error(`npm start: ${output}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    browser = await openBrowser(['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);
  });
  afterAll(async () => {
    await browser?.close();
    const gone = new Promise((resolve) => server?.once('close', resolve));
    if (server?.pid && server.exitCode === null) {
      process.kill(-server.pid, 'SIGKILL');
      await gone;
    }
    rmSync(state, { recursive: true, force: true });
  });

  async function person(handle: string): Promise<Page> {
    const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
    const page = await context.newPage();
    await page.goto(`${origin}/call`);
    await page.getByLabel('Your address').fill(handle);
    await page.getByRole('button', { name: 'Enroll this browser' }).click();
    await page.locator('#status', { hasText: `You are ${handle}` }).waitFor();
    return page;
  }

  it('two windows enroll, one calls, the other accepts; both read the same digits and see moving pictures; hanging up ends both', async () => {
    const bob = await person('bob@example.com');
    const alice = await person('alice@example.com');
    await alice.getByLabel('Call').fill('bob@example.com');
    await alice.getByRole('button', { name: 'Call', exact: true }).click();
    await bob.getByRole('button', { name: 'Accept' }).click();
    for (const page of [alice, bob]) await page.locator('#digits', { hasText: /^\d{4} \d{4}$/ }).waitFor();
    expect(await alice.locator('#digits').textContent()).toBe(await bob.locator('#digits').textContent());
    for (const page of [alice, bob])
      await page.waitForFunction(
        `document.querySelector('#remote').currentTime > 1 && document.querySelector('#remote').videoWidth > 0`,
      );
    await alice.locator('#figures', { hasText: /speech \d+ kbit\/s out, \d+ in; picture \d+ out/ }).waitFor();
    if (process.env['SCREENSHOT']) await alice.screenshot({ path: process.env['SCREENSHOT'] });
    await bob.getByRole('button', { name: 'Hang up' }).click();
    for (const page of [alice, bob]) await page.locator('#status', { hasText: 'waiting for calls' }).waitFor();
    await expect(alice.locator('#log').textContent()).resolves.toContain('ended: completed');

    await alice.reload();
    await alice.locator('#status', { hasText: 'You are alice@example.com' }).waitFor();
  });
});
