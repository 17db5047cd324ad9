/** The same cryptography in Chromium: in a secure context on WebCrypto, and where crypto.subtle does not exist. */
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumInstalled, openBrowser, PLAIN_HOST, servePage } from '../support/chromium.ts';
import type { PageReport } from './in-browser.ts';

describe.skipIf(!chromiumInstalled)('in Chromium', () => {
  let browser: Browser;
  let page: Awaited<ReturnType<typeof servePage>>;
  beforeAll(async () => {
    const { outputFiles } = await build({
      entryPoints: ['test/crypto/in-browser.ts'],
      bundle: true,
      write: false,
      format: 'iife',
      target: 'es2024',
    });
    page = await servePage(
      `<!doctype html><title>call</title><script>${outputFiles[0]!.text.replaceAll('</script', '<\\/script')}</script>`,
    );
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await page.close();
  });

  const call = async (origin: string): Promise<PageReport> => {
    const tab = await browser.newPage();
    await tab.goto(origin);
    return await tab.evaluate('callInPage()');
  };

  it('a call in a secure context runs on WebCrypto, with private keys that stay inside', async () => {
    expect(await call(page.origin)).toEqual({
      secure: true,
      provider: 'webcrypto',
      sameKeys: true,
      restoredFromStore: true,
      privateKeyLeaves: false,
      srtp: true,
      sframe: true,
    });
  });

  it('a call without crypto.subtle ends in the same', async () => {
    expect(await call(page.origin.replace('localhost', PLAIN_HOST))).toEqual({
      secure: false,
      provider: 'noble',
      sameKeys: true,
      restoredFromStore: true,
      privateKeyLeaves: true,
      srtp: true,
      sframe: true,
    });
  });
});
