/**
 * A call whose sound is protected by the SDK's own SRTP (AES_256_CM_HMAC_SHA1_80) and opened by GStreamer's: the keys come out of
 * the call, on both sides, and never cross the network. Needs GStreamer.
 *
 *   npm start                                         (another window)
 *   npx node examples/srtp-to-gstreamer.ts out.wav
 */
import * as nodeCrypto from 'node:crypto';
import { nodeSrtp } from '../src/sdk/media/node-srtp.ts';
import type { Call } from '../src/sdk/index.ts';
import { RTP_OVERHEAD, srtpSender } from '../src/sdk/media/sender.ts';
import { device, dial } from './support/device.ts';
import { recorder, tone, TONE_SSRC } from './support/gstreamer.ts';

const [file = 'out.wav'] = process.argv.slice(2);
const BOB = `bob-${nodeCrypto.randomUUID().slice(0, 8)}@example.com`;

const bobsCall = Promise.withResolvers<Call>();
const bob = await device(BOB, (call) => {
  call.accept();
  bobsCall.resolve(call);
});
const alice = await device(null);

const call = await dial(alice, BOB);
const { keys } = await call.next('media');
console.log(`connected, numbers to compare: ${keys.sas}`);

// Bob's ear is GStreamer's libsrtp, under the key that Bob's side of the call derived.
const { keys: bobs } = await (await bobsCall.promise).next('media');
const { key, salt } = bobs.srtp.audio.receive;
const ciphers = ['srtp', 'srtcp'].map((of) => `${of}-cipher=(string)aes-256-icm,${of}-auth=(string)hmac-sha1-80`);
const stream = `media=(string)audio,encoding-name=(string)OPUS,payload=(int)111,clock-rate=(int)48000,ssrc=(uint)${TONE_SSRC}`;
const master = Buffer.concat([key, salt]).toString('hex');
const ear = await recorder(
  file,
  `application/x-srtp,${stream},srtp-key=(buffer)${master},roc=(uint)0,${ciphers.join(',')}`,
  'srtpdec ! rtpopusdepay ! opusdec',
);
await new Promise((resolve) => setTimeout(resolve, 500));

// Alice's voice: Opus packets, protected here.
const sender = srtpSender(nodeSrtp(nodeCrypto), keys.srtp.audio.send);
let packets = 0;
await tone(440, 3, (rtp) => {
  const buffer = new Uint8Array(rtp.length + RTP_OVERHEAD);
  buffer.set(rtp);
  const sealed = sender.rtp(buffer, rtp.length);
  if (!sealed.ok) throw new Error(sealed.reason);
  ear.packet(buffer.subarray(0, sealed.length));
  packets += 1;
});
await ear.stop();
call.hangup();
for (const one of [alice, bob]) one.close();
console.log(`${packets} packets protected with AES-256 and HMAC-SHA1, played into ${file}`);
