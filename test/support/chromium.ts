/** Debian's Chromium for one test file, headless and offline but for loopback, ended with the test. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import { type Browser, chromium } from 'playwright-core';
import { PATIENCE_MS } from './patience.ts';
import { found } from './program.ts';

const PATH = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

export const chromiumInstalled = found(PATH, 'chromium', 'pages in a browser');

/** A name of loopback whose pages are no secure context: no crypto.subtle there. */
export const PLAIN_HOST = 'plain.test';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-domain-reliability',
  '--disable-sync',
  '--no-first-run',
  `--host-resolver-rules=MAP ${PLAIN_HOST} 127.0.0.1 , MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1`,
];

export async function openBrowser(more: readonly string[] = []): Promise<Browser> {
  const args = [...ARGUMENTS, ...more];
  const browser = await chromium.launch({ executablePath: PATH, headless: true, args, timeout: PATIENCE_MS });
  const contextOf = browser.newContext.bind(browser);
  // A page's own context is made by it as well.
  browser.newContext = async (options) => {
    const context = await contextOf(options);
    context.setDefaultTimeout(PATIENCE_MS);
    return context;
  };
  return browser;
}

/** A script for a page: this file and all it imports, fit to stand between script tags. */
export async function bundled(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2024',
  });
  return outputFiles[0]!.text.replaceAll('</script', '<\\/script');
}

/** One page on loopback, a secure context: WebAuthn works there. */
export async function servePage(html: string): Promise<{ origin: string; close(): Promise<void> }> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(html);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { origin: `http://localhost:${(server.address() as AddressInfo).port}`, close };
}
