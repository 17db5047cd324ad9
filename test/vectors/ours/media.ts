import * as nodeCrypto from 'node:crypto';
import { hex } from '../../../src/bytes/hex.ts';
import { nobleCrypto } from '../../../src/sdk/crypto/noble.ts';
import { deriveKey } from '../../../src/sdk/media/keys.ts';
import { nodeSrtp } from '../../../src/sdk/media/node-srtp.ts';
import { RTCP_OVERHEAD, srtpSender } from '../../../src/sdk/media/sender.ts';
import { sframeSender } from '../../../src/sdk/media/sframe.ts';
import { b, type Input, type Table } from './input.ts';

const srtp = nodeSrtp(nodeCrypto);
const master = (i: Input) => ({ key: b(i.master), salt: b(i.salt) });

/** The packet in a buffer with room for what protection adds. */
function room(i: Input): { buffer: Uint8Array; length: number } {
  const packet = b(i.packet);
  const buffer = new Uint8Array(packet.length + RTCP_OVERHEAD);
  buffer.set(packet);
  return { buffer, length: packet.length };
}

function whole(buffer: Uint8Array, made: { ok: true; length: number } | { ok: false; reason: string }): string {
  if (!made.ok) throw new Error(made.reason);
  return hex(buffer.subarray(0, made.length));
}

export const media: Table = {
  'srtp/session-keys': (i) => {
    const derive = (label: number, length: number) => hex(deriveKey(srtp, master(i), label, length));
    return {
      rtp: [derive(0, 32), derive(1, 20), derive(2, 14)],
      rtcp: [derive(3, 32), derive(4, 20), derive(5, 14)],
    };
  },
  'srtp/packet': (i) => {
    const { buffer, length } = room(i);
    const ssrc = new DataView(buffer.buffer).getUint32(8);
    const sender = srtpSender(srtp, master(i), { rollover: new Map([[ssrc, i.rollover]]) });
    return whole(buffer, sender.rtp(buffer, length));
  },
  'srtp/control-packet': (i) => {
    const { buffer, length } = room(i);
    const sender = srtpSender(srtp, master(i), { firstRtcpIndex: i.index });
    return whole(buffer, sender.rtcp(buffer, length));
  },
  'sframe/frame': async (i) => {
    const sender = await sframeSender(nobleCrypto(), 5, i.kid, b(i.baseKey), { firstCounter: i.counter });
    return hex(await sender.seal(b(i.frame), b(i.metadata)));
  },
};
