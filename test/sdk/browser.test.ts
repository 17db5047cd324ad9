/** The suite of the SDK in Chromium: the bundle that a page would load, devices in IndexedDB, sockets of the browser. */
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumInstalled, openBrowser, PLAIN_HOST, servePage } from '../support/chromium.ts';
import type { PageResult } from './in-browser.ts';
import { operations } from './suite/aborts.ts';
import { cases } from './suite/cases.ts';
import { deploy, type Deployment } from './suite/server.ts';

describe.skipIf(!chromiumInstalled)('in Chromium', () => {
  let browser: Browser;
  let site: Awaited<ReturnType<typeof servePage>>;
  let deployed: Deployment;
  let page: Page;

  beforeAll(async () => {
    const { outputFiles } = await build({
      entryPoints: ['test/sdk/in-browser.ts'],
      bundle: true,
      write: false,
      format: 'iife',
      target: 'es2024',
    });
    const script = outputFiles[0]!.text.replaceAll('</script', '<\\/script');
    site = await servePage(`<!doctype html><title>SDK</title><script>${script}</script>`);
    deployed = await deploy([site.origin, site.origin.replace('localhost', PLAIN_HOST)]);
    browser = await openBrowser();
    page = await browser.newPage();
    await page.goto(site.origin);
  });

  afterAll(async () => {
    await browser?.close();
    await deployed?.server.stop();
    await site?.close();
  });

  const run = (where: Page, name: string): Promise<PageResult> => {
    const { server, deployment, root } = deployed;
    return where.evaluate(
      `runCase(${JSON.stringify(name)}, ${JSON.stringify({ origin: server.url, deployment, root })})`,
    );
  };

  it.each(cases.map(({ name }) => name))('%s', async (name) => {
    expect(await run(page, name)).toEqual({ secure: true, failed: null });
  });

  it.each(Object.keys(operations))('given up: %s', async (name) => {
    const { server, deployment, root } = deployed;
    const world = { origin: server.url, deployment, root };
    expect(await page.evaluate(`runAbort(${JSON.stringify(name)}, ${JSON.stringify(world)})`)).toEqual([]);
  });

  it('a call from a page without crypto.subtle has the same keys on both sides', async () => {
    const plain = await browser.newPage();
    await plain.goto(site.origin.replace('localhost', PLAIN_HOST));
    const name = cases.find((each) => each.name.includes('same keys'))!.name;
    expect(await run(plain, name)).toEqual({ secure: false, failed: null });
  });
});
