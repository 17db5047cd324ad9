/** Frames of a group in Chromium's own media stack: encrypted in workers under the keys of its epochs. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundled, chromiumInstalled, openBrowser, servePage } from '../support/chromium.ts';
import type { GroupReport } from './group-in-page.ts';

describe.skipIf(!chromiumInstalled)('frames of a group in Chromium', () => {
  let browser: Browser;
  let page: Awaited<ReturnType<typeof servePage>>;
  let report: GroupReport;
  beforeAll(async () => {
    const [group, worker] = await Promise.all([
      bundled('test/media/group-in-page.ts'),
      bundled('test/media/frames-in-worker.ts'),
    ]);
    page = await servePage(
      `<!doctype html><title>group</title><script>framesWorker = URL.createObjectURL(new Blob([${JSON.stringify(worker)}], { type: 'text/javascript' }));</script><script>${group}</script>`,
    );
    browser = await openBrowser([
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      '--autoplay-policy=no-user-gesture-required',
    ]);
    const context = await browser.newContext({ permissions: ['camera'] });
    const tab = await context.newPage();
    await tab.goto(page.origin);
    report = await tab.evaluate<GroupReport>('groupInPage()');
  });
  afterAll(async () => {
    await browser?.close();
    await page?.close();
  });

  it('are decoded by every other member, epoch after epoch', () => {
    expect(report.goesOn).toEqual([true, true, true]);
  });

  it('are counted in the worker of who sends, which asks for the next epoch', () => {
    expect(new Set(report.asked)).toEqual(new Set(['ann']));
  });

  it('of a removed member come to those who stayed, and none is decoded', () => {
    expect(report.ofTheRemoved.came).toBeGreaterThanOrEqual(100);
    expect(report.ofTheRemoved.decoded).toBe(0);
    expect(report.refused).toBeGreaterThan(0);
  });

  it('of those who stayed come to the removed member, and none is decoded', () => {
    expect(report.toTheRemoved.came).toBeGreaterThanOrEqual(100);
    expect(report.toTheRemoved.decoded).toBe(0);
  });
});
