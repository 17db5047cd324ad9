/** GStreamer's srtpenc and srtpdec (libsrtp 2) as a second implementation: packets go in and out as numbered files. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATIENCE_MS } from '../support/patience.ts';

const found = ['srtpenc', 'srtpdec'].every(
  (element) => spawnSync('gst-inspect-1.0', ['--exists', element]).status === 0,
);

/** Whether the suite can run; says so once where it cannot, and lets it fail where it must (CI). */
export function hasGstreamer(): boolean {
  if (!found && process.env['CI'] !== 'true')
    process.stderr.write(
      'skipped: SRTP against GStreamer: apt-get install gstreamer1.0-tools gstreamer1.0-plugins-bad\n',
    );
  return found || process.env['CI'] === 'true';
}

export interface Master {
  key: Uint8Array;
  salt: Uint8Array;
}

const keyOf = ({ key, salt }: Master): string => Buffer.concat([key, salt]).toString('hex');
const PROFILE = 'rtp-cipher=aes-256-icm rtp-auth=hmac-sha1-80 rtcp-cipher=aes-256-icm rtcp-auth=hmac-sha1-80';

/** Runs one pipeline of elements over the input packets and returns what it wrote, in order. Ends it after 20 s. */
async function pipeline(packets: readonly Uint8Array[], middle: string, caps: string): Promise<Uint8Array[]> {
  const folder = mkdtempSync(join(tmpdir(), 'callsign-srtp-'));
  try {
    packets.forEach((packet, i) => writeFileSync(join(folder, `in.${String(i).padStart(5, '0')}`), packet));
    const source = `multifilesrc location=${folder}/in.%05d start-index=0 stop-index=${packets.length - 1} caps="${caps}"`;
    const sink = `multifilesink location=${folder}/out.%05d sync=false async=false`;
    await launch(`${source} ! ${middle} ! ${sink}`);
    const names = readdirSync(folder).filter((name) => name.startsWith('out.'));
    return names.toSorted().map((name) => Uint8Array.from(readFileSync(join(folder, name))));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function launch(description: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { timeout: PATIENCE_MS, killSignal: 'SIGKILL' } as const;
    execFile('gst-launch-1.0', ['-q', ...description.split(' ')], options, (error, _out, problems) => {
      if (error) reject(new Error(`gst-launch-1.0: ${problems}`, { cause: error }));
      else resolve();
    });
  });
}

const plainCaps = (kind: 'rtp' | 'rtcp', ssrc: number): string =>
  kind === 'rtp'
    ? `application/x-rtp,media=(string)audio,clock-rate=(int)8000,payload=(int)0,ssrc=(uint)${ssrc}`
    : 'application/x-rtcp';

export function gstProtect(
  kind: 'rtp' | 'rtcp',
  master: Master,
  ssrc: number,
  packets: readonly Uint8Array[],
): Promise<Uint8Array[]> {
  const encoder = `enc.${kind}_sink_0 srtpenc name=enc key=${keyOf(master)} ${PROFILE} enc.${kind}_src_0`;
  return pipeline(packets, encoder, plainCaps(kind, ssrc));
}

/** What srtpdec lets through; it drops in silence what it refuses. */
export function gstUnprotect(
  kind: 'rtp' | 'rtcp',
  master: Master,
  ssrc: number,
  packets: readonly Uint8Array[],
): Promise<Uint8Array[]> {
  const ciphers = ['srtp', 'srtcp'].map((of) => `${of}-cipher=(string)aes-256-icm,${of}-auth=(string)hmac-sha1-80`);
  const shared = `ssrc=(uint)${ssrc},srtp-key=(buffer)${keyOf(master)},roc=(uint)0,${ciphers.join(',')}`;
  const caps = kind === 'rtp' ? `application/x-srtp,payload=(int)0,${shared}` : `application/x-srtcp,${shared}`;
  return pipeline(packets, `dec.${kind}_sink srtpdec name=dec dec.${kind}_src`, caps);
}
