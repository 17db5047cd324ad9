/**
 * A native peer: a call whose media runs in node-datachannel (libdatachannel: ICE, DTLS-SRTP) instead of a browser. It speaks the
 * messages of `callsign/sdk/webrtc`, so the other end may be a browser. Each side plays a tone to the other. Needs GStreamer for its sound.
 *
 *   npm start                                                                (another window)
 *   npx node examples/node-peer.ts answer bob@example.com --record out.wav   (another window)
 *   npx node examples/node-peer.ts call bob@example.com --seconds 3
 */
import { parseArgs } from 'node:util';
import nodeDataChannel from 'node-datachannel';
import type { Call } from '../src/sdk/index.ts';
import { decodePeerMessage, encodePeerMessage, fingerprintOf, type PeerMessage } from '../src/sdk/webrtc/index.ts';
import { device, dial } from './support/device.ts';
import { recorder, tone, TONE_SSRC } from './support/gstreamer.ts';

const REPEAT_MS = 1_500;
const OPUS = 111;
const HERTZ = { caller: 440, callee: 660 } as const;
const OPUS_CAPS = `application/x-rtp,media=(string)audio,encoding-name=(string)OPUS,payload=(int)${OPUS},clock-rate=(int)48000`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { record: { type: 'string' }, seconds: { type: 'string', default: '3' } },
});
const [verb, handle] = positionals;
if ((verb !== 'answer' && verb !== 'call') || !handle) {
  console.error('node-peer.ts answer HANDLE [--record FILE] | node-peer.ts call HANDLE [--seconds N]');
  process.exit(2);
}

interface Media {
  /** False: not taken, the connection is over. */
  send(rtp: Uint8Array): boolean;
  close(): void;
}

/** Resolves when ICE and DTLS are through to the device whose fingerprint came sealed in the call. */
function connect(call: Call, heard: (rtp: Uint8Array) => void): Promise<Media> {
  const peer = new nodeDataChannel.PeerConnection(call.role, { iceServers: [], disableAutoNegotiation: true });
  const say = (message: PeerMessage) => void call.signal(encodePeerMessage(message)).catch(() => undefined);
  let number = 0;
  let answered: string | null = null;
  let repeat: NodeJS.Timeout | undefined;

  const audio = new nodeDataChannel.Audio('0', 'SendRecv');
  audio.addOpusCodec(OPUS);
  audio.addSSRC(TONE_SSRC, call.role);
  const track = peer.addTrack(audio);
  track.onMessage(heard);

  peer.onGatheringStateChange((state) => {
    const local = peer.localDescription();
    if (state !== 'complete' || !local) return;
    const said = { type: local.type as 'offer' | 'answer', number, generation: 0, sdp: local.sdp };
    say(said);
    if (said.type === 'answer') answered = local.sdp;
    else repeat = setInterval(() => say(said), REPEAT_MS);
  });

  function onMessage(message: PeerMessage): void {
    if (message.type === 'candidate') return peer.addRemoteCandidate(message.candidate, message.sdpMid ?? '0');
    if (message.type === 'muted') return;
    if (message.type === 'offer' && answered && message.number === number)
      return say({ type: 'answer', number, generation: 0, sdp: answered });
    // Only the fingerprint of a sealed description is believed; libdatachannel holds DTLS to it.
    if (fingerprintOf(message.sdp) === null) throw new Error('a description without one SHA-256 fingerprint');
    if (message.type === 'answer') clearInterval(repeat);
    number = message.number;
    peer.setRemoteDescription(message.sdp, message.type);
    if (message.type === 'offer') peer.setLocalDescription('answer');
  }
  const stop = call.on('signal', ({ content }) => {
    const message = decodePeerMessage(content);
    if (message) onMessage(message);
  });

  if (call.role === 'caller') {
    number = 1;
    peer.setLocalDescription('offer');
  }
  return new Promise((resolve, reject) => {
    const close = () => {
      clearInterval(repeat);
      stop();
      peer.close();
    };
    track.onOpen(() => resolve({ send: (rtp) => track.isOpen() && track.sendMessageBinary(Buffer.from(rtp)), close }));
    peer.onStateChange((state) => {
      if (state !== 'failed') return;
      close();
      reject(new Error('no way to the peer'));
    });
  });
}

async function talk(call: Call): Promise<void> {
  const ear = values.record === undefined ? null : await recorder(values.record, OPUS_CAPS, 'rtpopusdepay ! opusdec');
  const { keys } = await call.next('media');
  console.log(`numbers to compare: ${keys.sas}`);
  let received = 0;
  const media = await connect(call, (rtp) => {
    if ((rtp[1]! & 0x7f) !== OPUS) return;
    received += 1;
    ear?.packet(rtp);
  });
  console.log('connected');
  let sent = 0;
  const over = call.next('ended');
  const say = (rtp: Uint8Array) => {
    if (media.send(rtp)) sent += 1;
  };
  await tone(HERTZ[call.role], Number(values.seconds), say, over);
  if (call.role === 'caller') call.hangup();
  await over;
  media.close();
  await ear?.stop();
  console.log(`${sent} packets sent, ${received} received`);
}

if (verb === 'answer') {
  const client = await device(handle, (call) => {
    call.accept();
    void talk(call).then(() => end(client));
  });
  console.log(`waiting as ${handle}`);
} else {
  const client = await device(null);
  await talk(await dial(client, handle));
  end(client);
}

/** libdatachannel's threads outlive what they served. */
function end(client: { close(): void }): never {
  client.close();
  process.exit(0);
}
