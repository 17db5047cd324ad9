import * as nodeModule from 'node:crypto';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hex } from '../../src/bytes/hex.ts';
import { nobleSrtp } from '../../src/sdk/media/noble-srtp.ts';
import { nodeSrtp } from '../../src/sdk/media/node-srtp.ts';
import { srtpReceiver } from '../../src/sdk/media/receiver.ts';
import { srtpSender } from '../../src/sdk/media/sender.ts';
import { gstProtect, gstUnprotect, hasGstreamer } from './gstreamer.ts';

const SSRC = 0xcafe0001;
const node = nodeSrtp(nodeModule);
const newMaster = () => ({ key: Uint8Array.from(randomBytes(32)), salt: Uint8Array.from(randomBytes(14)) });

/** Consecutive packets from a sequence number on, payload lengths of all sorts. */
function stream(from: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const packet = Buffer.concat([Buffer.alloc(12), randomBytes(1 + ((i * 37) % 300))]);
    packet[0] = 0x80;
    packet.writeUInt16BE((from + i) % 65_536, 2);
    packet.writeUInt32BE(i * 160, 4);
    packet.writeUInt32BE(SSRC, 8);
    return Uint8Array.from(packet);
  });
}

function reports(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const report = Buffer.alloc(28);
    report.set([0x80, 200, 0, 6]);
    report.writeUInt32BE(SSRC, 4);
    report.writeUInt32BE(i, 20);
    return Uint8Array.from(report);
  });
}

function protectAll(kind: 'rtp' | 'rtcp', packets: Uint8Array[], master: ReturnType<typeof newMaster>): Uint8Array[] {
  const sender = srtpSender(node, master);
  return packets.map((packet) => {
    const buffer = new Uint8Array(packet.length + 14);
    buffer.set(packet);
    const result = sender[kind](buffer, packet.length);
    if (!result.ok) throw new Error(result.reason);
    return buffer.slice(0, result.length);
  });
}

const texts = (packets: readonly Uint8Array[]) => packets.map(hex);

/** Every third packet lost, neighbors swapped. */
function disturb<T>(packets: readonly T[]): T[] {
  const kept = packets.filter((_, i) => i % 3 !== 1);
  for (let i = 0; i + 1 < kept.length; i += 2) [kept[i], kept[i + 1]] = [kept[i + 1]!, kept[i]!];
  return kept;
}

describe.runIf(hasGstreamer())('beside GStreamer', () => {
  it.each([node, nobleSrtp])(
    '$name unprotects what srtpenc protected, over the wrap, with loss and reordering',
    async (crypto) => {
      const [master, plain] = [newMaster(), stream(65_500, 80)];
      const sealed = await gstProtect('rtp', master, SSRC, plain);
      expect(sealed).toHaveLength(80);
      const receiver = srtpReceiver(crypto, master);
      for (const [packet, expected] of disturb(sealed.map((packet, i) => [packet, plain[i]!] as const))) {
        expect(receiver.rtp(packet, packet.length)).toEqual({ ok: true, length: expected.length });
        expect(hex(packet.subarray(0, expected.length))).toBe(hex(expected));
      }
      const again = sealed.at(-2)!;
      expect(receiver.rtp(again, again.length).ok).toBe(false);
    },
  );

  it('srtpenc and this sender write the same bytes', async () => {
    const [master, plain] = [newMaster(), stream(65_530, 20)];
    const theirs = await gstProtect('rtp', master, SSRC, plain);
    expect(texts(theirs)).toEqual(texts(protectAll('rtp', plain, master)));
  });

  it('srtpdec unprotects what this sender protected, over the wrap, with loss and reordering', async () => {
    const [master, plain] = [newMaster(), stream(65_500, 80)];
    const opened = await gstUnprotect('rtp', master, SSRC, disturb(protectAll('rtp', plain, master)));
    expect(texts(opened)).toEqual(texts(disturb(plain)));
  });

  it('both refuse what was tampered with, replayed, or is stale, and go on', async () => {
    const [master, plain] = [newMaster(), stream(1000, 200)];
    const sealed = protectAll('rtp', plain, master);
    const tampered = sealed[150]!.map((byte, i) => (i === 14 ? byte ^ 1 : byte));
    const order = [sealed[0]!, tampered, sealed[150]!, sealed[150]!, sealed[1]!, sealed[23]!, sealed[151]!];
    const kept = [0, 150, 23, 151].map((i) => plain[i]!);
    const theirs = await gstUnprotect('rtp', master, SSRC, order);
    const receiver = srtpReceiver(node, master);
    const ours = order.flatMap((packet) => {
      const copy = packet.slice();
      const result = receiver.rtp(copy, copy.length);
      return result.ok ? [copy.subarray(0, result.length)] : [];
    });
    expect(texts(ours)).toEqual(texts(kept));
    expect(texts(theirs)).toEqual(texts(kept));
  });

  it('neither opens what another key protected', async () => {
    const sealed = protectAll('rtp', stream(1, 3), newMaster());
    expect(await gstUnprotect('rtp', newMaster(), SSRC, sealed)).toEqual([]);
    const receiver = srtpReceiver(node, newMaster());
    for (const packet of sealed) expect(receiver.rtp(packet, packet.length).ok).toBe(false);
  });

  it('both refuse RTCP that was tampered with or replayed, and go on', async () => {
    const [master, plain] = [newMaster(), reports(4)];
    const sealed = protectAll('rtcp', plain, master);
    const tampered = [0, 9, 28, 31, 35].map((at) => sealed[2]!.map((byte, i) => (i === at ? byte ^ 1 : byte)));
    const order = [sealed[0]!, ...tampered, sealed[0]!, sealed[2]!, sealed[1]!, sealed[2]!, sealed[3]!];
    const kept = [0, 2, 1, 3].map((i) => plain[i]!);
    const receiver = srtpReceiver(node, master);
    const ours = order.flatMap((packet) => {
      const copy = packet.slice();
      const result = receiver.rtcp(copy, copy.length);
      return result.ok ? [copy.subarray(0, result.length)] : [];
    });
    expect(texts(ours)).toEqual(texts(kept));
    expect(texts(await gstUnprotect('rtcp', master, SSRC, order))).toEqual(texts(kept));
  });

  it('RTCP passes both ways', async () => {
    const [master, plain] = [newMaster(), reports(10)];
    expect(texts(await gstUnprotect('rtcp', master, SSRC, protectAll('rtcp', plain, master)))).toEqual(texts(plain));
    const sealed = await gstProtect('rtcp', master, SSRC, plain);
    const receiver = srtpReceiver(node, master);
    const opened = sealed.map((packet) => {
      const result = receiver.rtcp(packet, packet.length);
      return result.ok ? hex(packet.subarray(0, result.length)) : result.reason;
    });
    expect(opened).toEqual(texts(plain));
  });
});
