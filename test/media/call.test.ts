/** A call between two pages over a real server: attested, sealed, answered, and seen. */
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type Server } from '../../demo/server.ts';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import { chromiumInstalled, openBrowser, servePage } from '../support/chromium.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import type { Seen } from './call-in-page.ts';

const MEDIA = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
const BOB = 'bob@example.com';

describe.skipIf(!chromiumInstalled)('a call between two pages', () => {
  let browser: Browser;
  let site: Awaited<ReturnType<typeof servePage>>;
  let server: Server;
  beforeAll(async () => {
    const entryPoints = ['test/media/call-in-page.ts'];
    const { outputFiles } = await build({ entryPoints, bundle: true, write: false, format: 'iife', target: 'es2024' });
    site = await servePage(
      `<!doctype html><title>call</title><script>${outputFiles[0]!.text.replaceAll('</script', '<\\/script')}</script>`,
    );
    server = await startServer('deno', await makeDevelopmentSecrets(Date.now()), { ALLOWED_ORIGINS: site.origin });
    browser = await openBrowser(MEDIA);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await site?.close();
  });

  const open = async (handle: string | null): Promise<Page> => {
    const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
    const page = await context.newPage();
    await page.goto(site.origin);
    await page.evaluate(`callsign.enroll(${JSON.stringify(server.url)}, ${JSON.stringify(handle)})`);
    return page;
  };
  const seen = (page: Page) => page.evaluate<Seen>('callsign.look()');

  async function until(pages: readonly Page[], good: (seen: Seen) => boolean): Promise<Seen[]> {
    for (const deadline = Date.now() + PATIENCE_MS; ;) {
      const all = await Promise.all(pages.map(seen));
      if (all.every(good)) return all;
      if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(all)}`);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  }

  it('pictures arrive both ways, both show the same digits, a changed network is survived, and hanging up closes both', async () => {
    const bob = await open(BOB);
    const alice = await open(null);
    await alice.evaluate(`callsign.call(${JSON.stringify(BOB)})`);
    const [a, b] = await until([alice, bob], ({ framesDecoded }) => framesDecoded >= 10);
    expect(a!.sas).toMatch(/^\d{4} \d{4}$/);
    expect(b!.sas).toBe(a!.sas);
    expect(a!.path).toBe('direct');

    await bob.evaluate('callsign.networkChanged()');
    const before = a!.framesDecoded;
    const after = await until(
      [alice, bob],
      ({ framesDecoded, state }) => state === 'connected' && framesDecoded >= before + 20,
    );
    expect(after.flatMap(({ suspicious }) => suspicious)).toEqual([]);

    await alice.evaluate('callsign.hangup()');
    await until([alice, bob], ({ state }) => state === 'closed');
  });
});
