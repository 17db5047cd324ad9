import type { Browser, Page } from 'playwright-core';
import { bundled, chromiumInstalled, openBrowser, servePage } from '../../test/support/chromium.ts';
import { type Rates, ratesOf } from './rounds.ts';

/** The browsers' implementation on one thread of a page. Null where there is no Chromium. */
export async function chromiumRates(sizes: readonly { payload: number; count: number }[]): Promise<Rates[] | null> {
  if (!chromiumInstalled) return null;
  const script = await bundled('bench/srtp/in-page.ts');
  const page = await servePage(`<!doctype html><title>srtp</title><script>${script}</script>`);
  const browser = await openBrowser();
  try {
    const tab = await browser.newPage();
    await tab.goto(page.origin);
    const clock = await rendererClock(browser);
    const found: Rates[] = [];
    for (const { payload, count } of sizes) found.push(await ratesOf(count, clock, () => begin(tab, payload, count)));
    return found;
  } finally {
    await browser.close();
    await page.close();
  }
}

async function begin(tab: Page, payload: number, count: number) {
  await tab.evaluate(`begin(${payload}, ${count})`);
  return { protect: () => tab.evaluate('round.protect()'), unprotect: () => tab.evaluate('round.unprotect()') };
}

/** CPU seconds of the processes that run pages, all their threads, as the browser counts them. */
async function rendererClock(browser: Browser): Promise<() => Promise<number>> {
  const system = await browser.newBrowserCDPSession();
  return async () => {
    const { processInfo } = await system.send('SystemInfo.getProcessInfo');
    return processInfo.filter(({ type }) => type === 'renderer').reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  };
}
