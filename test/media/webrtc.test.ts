/** The browser's own media stack under the SDK's binding, in Chromium with its fake camera and microphone. */
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coturnInstalled, startCoturn } from '../support/coturn.ts';
import { bundled, chromiumInstalled, openBrowser, servePage } from '../support/chromium.ts';
import type { PairReport, PairSettings } from './pair-in-page.ts';

/** Tried again: once in some dozens of starts Chromium decodes nothing of encrypted frames, and the next start of the same does. */
describe.skipIf(!chromiumInstalled)('media in Chromium', { retry: 2 }, () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Awaited<ReturnType<typeof servePage>>;
  beforeAll(async () => {
    const [pair, worker] = await Promise.all([
      bundled('test/media/pair-in-page.ts'),
      bundled('test/media/frames-in-worker.ts'),
    ]);
    page = await servePage(
      `<!doctype html><title>media</title><script>framesWorker = URL.createObjectURL(new Blob([${JSON.stringify(worker)}], { type: 'text/javascript' }));</script><script>${pair}</script>`,
    );
    browser = await openBrowser([
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      '--autoplay-policy=no-user-gesture-required',
    ]);
    context = await browser.newContext({ permissions: ['camera', 'microphone'] });
  });
  afterAll(async () => {
    await browser?.close();
    await page?.close();
  });

  const pair = async (settings: PairSettings): Promise<PairReport> => {
    const tab = await context.newPage();
    await tab.goto(page.origin);
    const report = await tab.evaluate<PairReport>(`pairInPage(${JSON.stringify(settings)})`);
    await tab.close();
    return report;
  };

  it('sound and picture pass both ways under DTLS-SRTP, and the steps on the way are told', async () => {
    const report = await pair({});
    expect(report.states).toEqual({ caller: 'connected', callee: 'connected' });
    expect(Math.min(report.decoded.caller, report.decoded.callee)).toBeGreaterThanOrEqual(10);
    expect(Math.min(report.audio.caller, report.audio.callee)).toBeGreaterThan(0);
    expect(report.path).toBe('direct');
    expect(report.protection).toMatch(/^(SRTP_)?A/);
    expect(report.milestones).toEqual(['audio', 'connected', 'described', 'started', 'video']);
    expect(report.fmtp).toMatch(/maxaveragebitrate=64000;useinbandfec=1;usedtx=0/);
    expect(report.suspicious).toEqual([]);
  });

  it('in low data less is asked for, and silence is left out', async () => {
    expect((await pair({ lowData: true })).fmtp).toMatch(/maxaveragebitrate=24000;useinbandfec=1;usedtx=1/);
  });

  it('with a third of all signals lost and some said twice it connects all the same', async () => {
    const report = await pair({ loss: 0.33 });
    expect(report.states).toEqual({ caller: 'connected', callee: 'connected' });
    expect(report.suspicious).toEqual([]);
  });

  it('when both restart at once one offer gives way, both find new candidates, and pictures go on', async () => {
    const report = await pair({ glare: true });
    expect(report.restarted).toBe(true);
    expect(report.states).toEqual({ caller: 'connected', callee: 'connected' });
    expect(report.suspicious).toEqual([]);
  });

  it('a muted camera is told to the peer', async () => {
    expect((await pair({ mute: true })).muted).toEqual({ audio: false, video: true, screen: true });
  });

  it('frames that are encrypted in the worker are decoded at the other end', async () => {
    const report = await pair({ frames: 'same' });
    expect(Math.min(report.decoded.caller, report.decoded.callee)).toBeGreaterThanOrEqual(10);
  });

  it('frames under a key that the receiver does not have never reach its decoder', async () => {
    const report = await pair({ frames: 'different' });
    expect(report.states).toEqual({ caller: 'connected', callee: 'connected' });
    expect(report.decoded.caller).toBe(0);
  });

  it('a fingerprint that was changed on the way keeps the two from connecting', async () => {
    const report = await pair({ forge: true });
    expect(report.states.caller).not.toBe('connected');
    expect(report.states.callee).not.toBe('connected');
    expect(report.decoded).toEqual({ caller: 0, callee: 0 });
  });

  describe.skipIf(!coturnInstalled)('over coturn', () => {
    it('with addresses kept private everything is relayed, and no candidate names this machine', async () => {
      const turn = await startCoturn();
      const report = await pair({ addresses: 'relay-only', servers: [turn.credentials()] });
      await turn.stop();
      expect(report.path).toBe('relayed');
      expect(new Set(report.candidates)).toEqual(new Set(['relay']));
      expect(Math.min(report.decoded.caller, report.decoded.callee)).toBeGreaterThanOrEqual(10);
    });

    it('on a narrow path the picture steps down and speech keeps its rate', { retry: 4 }, async () => {
      const turn = await startCoturn({ bytesPerSecond: 55_000 });
      const { squeezed, states } = await pair({
        addresses: 'relay-only',
        servers: [turn.credentials()],
        squeeze: true,
      });
      await turn.stop();
      expect(states.caller).toBe('connected');
      expect(squeezed.narrowest).toBeLessThanOrEqual(300_000);
      expect(squeezed.audioSent.length).toBeGreaterThanOrEqual(4);
      expect(squeezed.audioSent.toSorted((a, b) => a - b)[squeezed.audioSent.length >> 1]).toBeGreaterThan(35_000);
    });

    it('expired credentials make no candidate, so nothing connects', async () => {
      const turn = await startCoturn();
      const report = await pair({ addresses: 'relay-only', servers: [turn.credentials(-600)], forge: true });
      await turn.stop();
      expect(report.candidates).toEqual([]);
      expect(report.states.caller).not.toBe('connected');
    });
  });
});
