/** The examples as their readers run them, against a real server, with GStreamer's ears. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Server, startServer } from '../../demo/server.ts';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import type { Seen } from '../media/call-in-page.ts';
import { chromiumInstalled, openBrowser, servePage } from '../support/chromium.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { found } from '../support/program.ts';

const installed = found('gst-launch-1.0', 'gstreamer1.0-tools gstreamer1.0-plugins-good', 'examples with sound');
const folder = mkdtempSync(join(tmpdir(), 'callsign-examples-'));
const RATE = 48_000;

/** A handle that nobody has: another account would have to wait for it. */
const address = (): string => `${randomUUID()}@example.com`;

/** Share of the sound's energy at one frequency (Goertzel), 0 to 1, over the middle second of a WAV of 16-bit mono. */
function shareAt(hertz: number, file: string): number {
  const bytes = readFileSync(file);
  const samples = new Int16Array(
    bytes.buffer.slice(bytes.byteOffset + 44, bytes.byteOffset + 44 + 2 * Math.floor((bytes.length - 44) / 2)),
  );
  const start = Math.max(0, Math.floor(samples.length / 2 - RATE / 2));
  const window = samples.subarray(start, start + RATE);
  const step = 2 * Math.cos((2 * Math.PI * hertz) / RATE);
  let [one, two, energy] = [0, 0, 0];
  for (const sample of window) {
    [one, two] = [sample + step * one - two, one];
    energy += sample * sample;
  }
  return (2 * (one * one + two * two - step * one * two)) / (window.length * energy);
}

/** Real time and native threads: what hangs is killed and tried again, twice at most. */
const LIMIT_MS = 2 * PATIENCE_MS;

describe.skipIf(!installed)('the examples', { retry: 2 }, () => {
  let server: Server;
  let site: Awaited<ReturnType<typeof servePage>>;
  const running = new Set<ChildProcess>();
  beforeAll(async () => {
    const entryPoints = ['test/media/call-in-page.ts'];
    const { outputFiles } = await build({ entryPoints, bundle: true, write: false, format: 'iife', target: 'es2024' });
    site = await servePage(
      `<!doctype html><title>call</title><script>${outputFiles[0]!.text.replaceAll('</script', '<\\/script')}</script>`,
    );
    server = await startServer('deno', await makeDevelopmentSecrets(Date.now()), { ALLOWED_ORIGINS: site.origin });
  });
  afterEach(() => {
    for (const child of running) child.kill('SIGKILL');
  });
  afterAll(async () => {
    await server?.stop();
    await site?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  interface Run {
    /** Resolves when a line that contains this was printed. */
    says(text: string): Promise<void>;
    ended: Promise<{ code: number | null; output: string }>;
  }

  function example(...args: string[]): Run {
    const env = { ...process.env, CALLSIGN_URL: server.url };
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    const late = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    const ended = new Promise<{ code: number | null; output: string }>((resolve) => {
      child.once('close', (code) => {
        clearTimeout(late);
        running.delete(child);
        resolve({ code, output });
      });
    });
    return {
      ended,
      async says(text) {
        for (const deadline = Date.now() + PATIENCE_MS; !output.includes(text);) {
          if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline)
            throw new Error(`did not say "${text}":\n${output}`);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      },
    };
  }

  it('a tone under our SRTP comes out of GStreamer as that tone', async () => {
    const file = join(folder, 'srtp.wav');
    const { code, output } = await example('examples/srtp-to-gstreamer.ts', file).ended;
    expect(output).toMatch(/numbers to compare: \d{4} \d{4}\n\d+ packets protected with AES-256 and HMAC-SHA1/);
    expect(code).toBe(0);
    expect(shareAt(440, file)).toBeGreaterThan(0.9);
    expect(shareAt(660, file)).toBeLessThan(0.01);
  });

  it('two native peers hear each other through node-datachannel', async () => {
    const handle = address();
    const [bobs, alices] = [join(folder, 'bob.wav'), join(folder, 'alice.wav')];
    const bob = example('examples/node-peer.ts', 'answer', handle, '--record', bobs, '--seconds', '3');
    await bob.says(`waiting as ${handle}`);
    const alice = await example('examples/node-peer.ts', 'call', handle, '--record', alices, '--seconds', '4').ended;
    expect(alice).toMatchObject({
      code: 0,
      output: expect.stringMatching(/connected\n\d{3} packets sent, \d{2,3} received/),
    });
    expect(await bob.ended).toMatchObject({ code: 0 });
    expect(shareAt(440, bobs)).toBeGreaterThan(0.9);
    expect(shareAt(660, alices)).toBeGreaterThan(0.9);
  });

  it.skipIf(!chromiumInstalled)('a browser calls a native peer: each hears the other', async () => {
    const handle = address();
    const file = join(folder, 'native.wav');
    const peer = example('examples/node-peer.ts', 'answer', handle, '--record', file, '--seconds', '20');
    await peer.says(`waiting as ${handle}`);
    const browser = await openBrowser(['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);
    try {
      const page = await (await browser.newContext({ permissions: ['camera', 'microphone'] })).newPage();
      await page.goto(site.origin);
      await page.evaluate(`callsign.enroll(${JSON.stringify(server.url)}, null)`);
      await page.evaluate(`callsign.call(${JSON.stringify(handle)})`);
      await peer.says('connected');
      let last: Seen | null = null;
      for (const deadline = Date.now() + PATIENCE_MS; (last?.hears ?? 0) < 10_000 && Date.now() < deadline;) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        last = await page.evaluate<Seen>('callsign.look()');
      }
      expect(last).toMatchObject({ state: 'connected', suspicious: [] });
      expect(last?.hears).toBeGreaterThan(10_000);
      await page.evaluate('callsign.hangup()');
      await peer.says('received');
      const { output } = await peer.ended;
      expect(Number(/(\d+) received/.exec(output)?.[1])).toBeGreaterThan(20);
    } finally {
      await browser.close();
    }
  });
});
