/** SRTP packets per second, protect and unprotect, beside libsrtp as GStreamer's srtpenc runs it, in one run on one machine. */
import * as nodeModule from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nobleSrtp } from '../src/sdk/media/noble-srtp.ts';
import { nodeSrtp } from '../src/sdk/media/node-srtp.ts';
import { srtpReceiver } from '../src/sdk/media/receiver.ts';
import { RTP_OVERHEAD, srtpSender } from '../src/sdk/media/sender.ts';
import type { SrtpCrypto } from '../src/sdk/media/srtp-crypto.ts';
import type { Figures } from './run.ts';

const MASTER = { key: new Uint8Array(32).fill(7), salt: new Uint8Array(14).fill(9) };
const SSRC = 0xcafe0001;
const ROUNDS = 5;

interface SrtpResult {
  port: string;
  payload: number;
  /** Packets per second of CPU time, the best of five rounds. */
  protect: number;
  unprotect: number;
}

function packets(count: number, payload: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const packet = new Uint8Array(12 + payload + RTP_OVERHEAD).fill(i);
    packet.set([0x80, 0, i >> 8, i, 0, 0, 0, 1]);
    new DataView(packet.buffer).setUint32(8, SSRC);
    return packet;
  });
}

/** Per second of this process's CPU time. */
function rate(count: number, work: () => void): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return (count * 1_000_000) / (user + system);
}

/** Packets of one round; each is protected in place and then unprotected in place. */
function measure(crypto: SrtpCrypto, payload: number, count: number): SrtpResult {
  const best = { protect: 0, unprotect: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const all = packets(count, payload);
    const [sender, receiver] = [srtpSender(crypto, MASTER), srtpReceiver(crypto, MASTER)];
    const protect = rate(count, () => {
      for (const packet of all) if (!sender.rtp(packet, 12 + payload).ok) throw new Error('protect');
    });
    const unprotect = rate(count, () => {
      for (const packet of all) if (!receiver.rtp(packet, packet.length).ok) throw new Error('unprotect');
    });
    best.protect = Math.max(best.protect, protect);
    best.unprotect = Math.max(best.unprotect, unprotect);
  }
  return { port: crypto.name, payload, protect: Math.round(best.protect), unprotect: Math.round(best.unprotect) };
}

/**
 * Packets per second of CPU time of srtpenc alone: the time of a pipeline with it, less the time of the same pipeline without it.
 * Null where GStreamer is missing. The same packet goes in each time, which srtpenc is told to allow.
 */
function libsrtp(payload: number, count = 200_000): number | null {
  if (spawnSync('gst-inspect-1.0', ['--exists', 'srtpenc']).status !== 0) return null;
  const folder = mkdtempSync(join(tmpdir(), 'callsign-bench-'));
  try {
    writeFileSync(join(folder, 'packet'), packets(1, payload)[0]!.subarray(0, 12 + payload));
    const key = Buffer.concat([MASTER.key, MASTER.salt]).toString('hex');
    const encoder = `srtpenc allow-repeat-tx=true key=${key} rtp-cipher=aes-256-icm rtp-auth=hmac-sha1-80`;
    const time = (middle: string) => pipelineMs(join(folder, 'packet'), count, middle);
    const runs = Array.from({ length: 3 }, () => [time('identity'), time(encoder)] as const);
    const [without, with_] = [Math.min(...runs.map(([a]) => a)), Math.min(...runs.map(([, b]) => b))];
    return Math.round((count * 1000) / Math.max(1, with_ - without));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** CPU time of the pipeline's process, as its shell counts it: other work on the machine does not enter. */
function pipelineMs(file: string, count: number, middle: string): number {
  const caps = `application/x-rtp,media=(string)audio,clock-rate=(int)8000,payload=(int)0,ssrc=(uint)${SSRC}`;
  const source = `multifilesrc location=${file} loop=true num-buffers=${count} caps='"${caps}"'`;
  const line = `gst-launch-1.0 -q ${source} ! ${middle} ! fakesink sync=false && times`;
  const { status, stdout } = spawnSync('bash', ['-c', line], { timeout: 60_000, encoding: 'utf8' });
  const children = stdout
    .trim()
    .split('\n')
    .at(-1)!
    .matchAll(/(\d+)m([\d.]+)s/g);
  if (status !== 0) throw new Error('gst-launch-1.0 failed');
  return [...children].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1000,
    0,
  );
}

/** Rates per second of CPU time; the ratios set the Node port beside srtpenc where GStreamer is installed. */
export async function srtp(): Promise<Figures> {
  const node = nodeSrtp(nodeModule);
  const figures: Record<string, number> = {};
  const ratios: Record<string, number> = {};
  for (const payload of [160, 1200]) {
    const ours = measure(node, payload, 20_000);
    for (const result of [ours, measure(nobleSrtp, payload, payload > 1000 ? 2_000 : 6_000)])
      for (const verb of ['protect', 'unprotect'] as const)
        figures[`${result.port} ${verb}/s, ${payload} bytes`] = result[verb];
    const theirs = libsrtp(payload);
    if (theirs === null) continue;
    figures[`libsrtp protect/s, ${payload} bytes`] = theirs;
    ratios[`node / libsrtp, protect ${payload} bytes`] = ours.protect / theirs;
  }
  return { figures, ratios };
}
