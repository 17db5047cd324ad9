import * as nodeCrypto from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { SessionKeys } from '../src/sdk/crypto/schedule.ts';
import type { Call } from '../src/sdk/index.ts';
import { nodeSrtp } from '../src/sdk/media/node-srtp.ts';
import { srtpReceiver } from '../src/sdk/media/receiver.ts';
import { RTP_OVERHEAD, srtpSender } from '../src/sdk/media/sender.ts';

export interface MediaCount {
  sent: number;
  received: number;
  authFailures: number;
}

const STREAMS = ['audio', 'video'] as const;
type Stream = (typeof STREAMS)[number];

/** What one side sent and received of each stream. */
export type Exchanged = Record<Stream, MediaCount & { readonly sentKbps: number; readonly receivedKbps: number }>;

/** Speech as Opus has it, 64 kbit/s in packets of 20 ms; a picture of 800 kbit/s. The first sequence number makes the counter roll over. */
const SHAPE: Readonly<Record<Stream, { bytes: number; everyMs: number; packets: number; first: number }>> = {
  audio: { bytes: 160, everyMs: 20, packets: 50, first: 65_510 },
  video: { bytes: 1_000, everyMs: 10, packets: 100, first: 65_500 },
};
const SSRC = {
  caller: { audio: 0x0ca11e12, video: 0x0ca11e13 },
  callee: { audio: 0x0ca11ee0, video: 0x0ca11ee1 },
} as const;
/** How long after its own last packet a side waits for those of the other. */
const QUIET_MS = 30_000;
const TELL_MS = 300;

function packet(ssrc: number, sequence: number, bytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(12 + bytes + RTP_OVERHEAD);
  const view = new DataView(whole.buffer);
  view.setUint8(0, 0x80);
  view.setUint16(2, sequence & 0xffff);
  view.setUint32(4, sequence * 160);
  view.setUint32(8, ssrc);
  for (let i = 0; i < bytes; i++) whole[12 + i] = (sequence + i) & 0xff;
  return whole;
}

/** Each side says in a sealed signal, again until something came from the other, where it takes packets: nobody between learns it. */
async function meet(call: Call, socket: Socket): Promise<{ port: number; stop: () => void }> {
  const own = new TextEncoder().encode(JSON.stringify({ port: socket.address().port }));
  const say = () => void call.signal(own).catch(() => undefined);
  const repeat = setInterval(say, TELL_MS);
  say();
  const { content } = await call.next('signal');
  const { port } = JSON.parse(new TextDecoder().decode(content)) as { port: number };
  return { port, stop: () => clearInterval(repeat) };
}

/** A second of sound and picture each way under AES-256-CTR and HMAC-SHA1, from device to device; counts what comes. */
export async function exchange(call: Call, keys: SessionKeys): Promise<Exchanged> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const counts = { audio: counting(), video: counting() };
  const all = receive(socket, call, keys, counts);
  const { port, stop } = await meet(call, socket);
  socket.once('message', stop);
  await Promise.all(
    STREAMS.map((stream) => send(stream, call, keys, (bytes) => socket.send(bytes, port, '127.0.0.1'), counts[stream])),
  );
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, QUIET_MS))]);
  stop();
  socket.close();
  return { audio: rated(counts.audio, SHAPE.audio), video: rated(counts.video, SHAPE.video) };
}

interface Counting extends MediaCount {
  sending: [number, number];
  receiving: [number, number];
}
const counting = (): Counting => ({ sent: 0, received: 0, authFailures: 0, sending: [0, 0], receiving: [0, 0] });

/** Resolves when everything came. */
function receive(socket: Socket, call: Call, keys: SessionKeys, counts: Record<Stream, Counting>): Promise<void> {
  const port = nodeSrtp(nodeCrypto);
  const receivers = {
    audio: srtpReceiver(port, keys.srtp.audio.receive),
    video: srtpReceiver(port, keys.srtp.video.receive),
  };
  const from = SSRC[call.role === 'caller' ? 'callee' : 'caller'];
  return new Promise((resolve) => {
    socket.on('message', (message) => {
      const bytes = Uint8Array.from(message);
      const stream = STREAMS.find((one) => from[one] === new DataView(bytes.buffer).getUint32(8)) ?? 'audio';
      const count = counts[stream];
      if (receivers[stream].rtp(bytes, bytes.length).ok) count.received += 1;
      else count.authFailures += 1;
      count.receiving = [count.receiving[0] || performance.now(), performance.now()];
      if (STREAMS.every((one) => counts[one].received + counts[one].authFailures >= SHAPE[one].packets)) resolve();
    });
  });
}

async function send(
  stream: Stream,
  call: Call,
  keys: SessionKeys,
  out: (bytes: Uint8Array) => void,
  count: Counting,
): Promise<void> {
  const { bytes, everyMs, packets, first } = SHAPE[stream];
  const sender = srtpSender(nodeSrtp(nodeCrypto), keys.srtp[stream].send);
  const started = performance.now();
  for (let i = 0; i < packets; i++) {
    const whole = packet(SSRC[call.role][stream], first + i, bytes);
    const sealed = sender.rtp(whole, 12 + bytes);
    if (!sealed.ok) throw new Error(`not protected: ${sealed.reason}`);
    out(whole.subarray(0, sealed.length));
    count.sent += 1;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, started + (i + 1) * everyMs - performance.now())));
  }
  count.sending = [started, performance.now()];
}

function rated(
  { sent, received, authFailures, sending, receiving }: Counting,
  { bytes, everyMs }: { bytes: number; everyMs: number },
) {
  const kbps = (packets: number, [from, to]: [number, number], more: number) =>
    to > from ? Math.round((packets * bytes * 8) / (to - from + more)) : 0;
  return {
    sent,
    received,
    authFailures,
    sentKbps: kbps(sent, sending, 0),
    receivedKbps: kbps(received, receiving, everyMs),
  };
}
