import * as nodeCrypto from 'node:crypto';
import type { SessionKeys } from '../src/sdk/crypto/schedule.ts';
import { nodeSrtp } from '../src/sdk/media/node-srtp.ts';
import { srtpReceiver } from '../src/sdk/media/receiver.ts';
import { RTP_OVERHEAD, srtpSender } from '../src/sdk/media/sender.ts';
import type { Call } from '../src/sdk/index.ts';

export interface MediaCount {
  sent: number;
  received: number;
  authFailures: number;
}

const PACKETS = 50;
const PAYLOAD_BYTES = 160;
const SSRC = { caller: 0x0ca11e12, callee: 0x0ca11ee0 } as const;
const QUIET_MS = 3_000;

function packet(ssrc: number, sequence: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12 + PAYLOAD_BYTES + RTP_OVERHEAD);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x80);
  view.setUint16(2, sequence);
  view.setUint32(4, sequence * PAYLOAD_BYTES);
  view.setUint32(8, ssrc);
  for (let i = 0; i < PAYLOAD_BYTES; i++) bytes[12 + i] = (sequence + i) & 0xff;
  return bytes;
}

/** Sends a second of audio, protected with AES-256-CTR and HMAC-SHA1, and counts what comes from the other side. */
export async function exchange(call: Call, keys: SessionKeys): Promise<MediaCount> {
  const port = nodeSrtp(nodeCrypto);
  const ssrc = SSRC[call.role];
  const sender = srtpSender(port, keys.srtp.audio.send);
  const receiver = srtpReceiver(port, keys.srtp.audio.receive);
  const count: MediaCount = { sent: 0, received: 0, authFailures: 0 };
  const all = new Promise<void>((resolve) => {
    const late = setTimeout(resolve, QUIET_MS);
    const stop = call.on('datagram', (datagram) => {
      const opened = receiver.rtp(datagram, datagram.length);
      if (opened.ok) count.received++;
      else count.authFailures++;
      if (count.received + count.authFailures < PACKETS) return;
      clearTimeout(late);
      stop();
      resolve();
    });
  });
  for (let sequence = 65_510; sequence < 65_510 + PACKETS; sequence++) {
    const bytes = packet(ssrc, sequence & 0xffff);
    const protectedPacket = sender.rtp(bytes, 12 + PAYLOAD_BYTES);
    if (!protectedPacket.ok) throw new Error(`not protected: ${protectedPacket.reason}`);
    call.relay(bytes.slice(0, protectedPacket.length));
    count.sent++;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await all;
  return count;
}
