import { spawnSync } from 'node:child_process';
import { MASTER, type Rates } from './rounds.ts';

const ELEMENTS = ['srtpenc', 'srtpdec', 'mulawenc', 'rtppcmupay'];
const RUNS = 3;

/**
 * Packets per second of CPU time of srtpenc and of srtpdec, each alone: the time of a pipeline with it, less that of the same
 * pipeline without it. Null where GStreamer is missing.
 */
export function libsrtpRates(payload: number, count: number): Rates | null {
  const found = (element: string) => spawnSync('gst-inspect-1.0', ['--exists', element]).status === 0;
  if (!ELEMENTS.every(found)) return null;
  const encoder = `srtpenc key=${Buffer.concat([MASTER.key, MASTER.salt]).toString('hex')} rtp-cipher=aes-256-icm rtp-auth=hmac-sha1-80`;
  const pipelines = ['identity', encoder, `${encoder} ! srtpdec`];
  const runs = Array.from({ length: RUNS }, () => pipelines.map((middle) => pipelineSeconds(payload, count, middle)));
  const [plain, encoded, both] = pipelines.map((_, i) => Math.min(...runs.map((run) => run[i]!)));
  const rate = (seconds: number) => count / Math.max(0.001, seconds);
  return { protect: rate(encoded! - plain!), unprotect: rate(both! - encoded!) };
}

/** CPU time of the pipeline's process, as its shell counts it: other work on the machine does not enter. A sample is a byte of payload. */
function pipelineSeconds(payload: number, count: number, middle: string): number {
  const samples = `audiotestsrc num-buffers=${count} samplesperbuffer=${payload} ! audio/x-raw,rate=8000,channels=1`;
  const packets = 'mulawenc ! rtppcmupay mtu=1400 max-ptime=1000000000';
  const line = `gst-launch-1.0 -q ${samples} ! ${packets} ! ${middle} ! fakesink sync=false && times`;
  const { status, stdout } = spawnSync('bash', ['-c', line], { timeout: 120_000, encoding: 'utf8' });
  if (status !== 0) throw new Error('gst-launch-1.0 failed');
  const ofChildren = stdout.trim().split('\n').at(-1)!;
  return [...ofChildren.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, m, s]) => sum + Number(m) * 60 + Number(s), 0);
}
