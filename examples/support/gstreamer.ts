/** Sound in and out of the examples: GStreamer makes and plays RTP, over UDP on the loopback. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

function launch(line: string, ...more: string[]): ChildProcess {
  return spawn('gst-launch-1.0', ['-q', ...more, ...line.split(' ')], { stdio: ['ignore', 'inherit', 'inherit'] });
}

async function boundSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** A sine as Opus in RTP packets of 20 ms, for so many seconds or until `over`; resolves when the last was handed over. */
export async function tone(
  hertz: number,
  seconds: number,
  packet: (rtp: Uint8Array) => void,
  over?: Promise<unknown>,
): Promise<void> {
  const socket = await boundSocket();
  socket.on('message', packet);
  const child = launch(
    `audiotestsrc freq=${hertz} is-live=true samplesperbuffer=960 num-buffers=${seconds * 50} ! audio/x-raw,rate=48000,channels=2 ! ` +
      `opusenc bitrate=64000 inband-fec=true ! rtpopuspay pt=111 ssrc=${TONE_SSRC} ! udpsink host=127.0.0.1 port=${socket.address().port}`,
  );
  void over?.then(() => child.kill('SIGKILL'));
  await once(child, 'close');
  socket.close();
}
export const TONE_SSRC = 0x0ca11e12;

export interface Recorder {
  packet(rtp: Uint8Array): void;
  /** Writes the end of the file. */
  stop(): Promise<void>;
}

/** Writes what comes to a WAV file: `caps` describe the packets, `decode` the elements that make sound of them. */
export async function recorder(file: string, caps: string, decode: string): Promise<Recorder> {
  const probe = await boundSocket();
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  const child = launch(
    `udpsrc address=127.0.0.1 port=${port} caps=${caps} ! ${decode} ! audioconvert ! audioresample ! audio/x-raw,rate=48000,channels=1 ! wavenc ! filesink location=${file}`,
    '--eos-on-shutdown',
  );
  const socket = await boundSocket();
  return {
    packet: (rtp) => socket.send(rtp, port, '127.0.0.1'),
    async stop() {
      const closed = once(child, 'close');
      child.kill('SIGINT');
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await closed;
      clearTimeout(late);
      socket.close();
    },
  };
}
