import * as nodeModule from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, hex } from '../../bytes/hex.ts';
import { deriveKey } from './keys.ts';
import { nobleSrtp } from './noble-srtp.ts';
import { nodeSrtp } from './node-srtp.ts';
import { estimateIndex } from './packet.ts';
import { srtpReceiver } from './receiver.ts';
import type { SrtpSender } from './sender.ts';
import { srtpSender } from './sender.ts';

type Case = Record<'source' | 'key' | 'salt' | 'packet' | 'protected', string>;
const vectors = JSON.parse(readFileSync('test/vectors/published/srtp.json', 'utf8')) as {
  keystream: Record<'key' | 'counter' | 'keystream', string>[];
  derivation: Record<'source' | 'key' | 'salt' | 'cipher' | 'sessionSalt' | 'auth', string>[];
  rtp: (Case & { rollover: number })[];
  rtcp: (Case & { index: number })[];
};
const bytes = (text: string) => fromHex(text)!;
const masterOf = (v: { key: string; salt: string }) => ({ key: bytes(v.key), salt: bytes(v.salt) });

const master = { key: new Uint8Array(32).fill(7), salt: new Uint8Array(14).fill(9) };
const other = { key: new Uint8Array(32).fill(8), salt: new Uint8Array(14).fill(9) };
const node = nodeSrtp(nodeModule);

function packet(sequence: number, ssrc = 0xdeadbeef, payload = 40): Uint8Array {
  const made = new Uint8Array(12 + payload).fill(sequence);
  made.set([0x80, 0, sequence >> 8, sequence, 0, 0, 0, 1]);
  new DataView(made.buffer).setUint32(8, ssrc);
  return made;
}

function roomy(plain: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(plain.length + 14);
  buffer.set(plain);
  return buffer;
}

function protect(sender: SrtpSender, plain: Uint8Array, kind: 'rtp' | 'rtcp' = 'rtp'): Uint8Array {
  const buffer = roomy(plain);
  const result = sender[kind](buffer, plain.length);
  if (!result.ok) throw new Error(result.reason);
  return buffer.slice(0, result.length);
}

const RTCP = bytes('80c80006deadbeef0102030405060708090a0b0c00000001000000a0');

describe.each([node, nobleSrtp])('SRTP with $name', (crypto) => {
  it('has the keystreams of RFC 3711 B.2 and RFC 6188', () => {
    for (const v of vectors.keystream) {
      const data = new Uint8Array(v.keystream.length / 2);
      crypto.counterMode(bytes(v.key))(bytes(v.counter), data);
      expect(hex(data)).toBe(v.keystream);
    }
  });

  it('derives the session keys of RFC 3711 B.3, RFC 6188 and libsrtp', () => {
    for (const v of vectors.derivation) {
      const keys = [v.cipher, v.auth, v.sessionSalt].map((expected, label) =>
        hex(deriveKey(crypto, masterOf(v), label, expected.length / 2)),
      );
      expect(keys).toEqual([v.cipher, v.auth, v.sessionSalt]);
    }
  });

  it('protects and unprotects the published packets', () => {
    for (const v of vectors.rtp) {
      const rollover = new Map([[new DataView(bytes(v.packet).buffer).getUint32(8), v.rollover]]);
      expect(hex(protect(srtpSender(crypto, masterOf(v), { rollover }), bytes(v.packet)))).toBe(v.protected);
      const buffer = bytes(v.protected);
      const opened = srtpReceiver(crypto, masterOf(v), { rollover }).rtp(buffer, buffer.length);
      expect(opened.ok && hex(buffer.subarray(0, opened.length))).toBe(v.packet);
    }
    for (const v of vectors.rtcp) {
      const sender = srtpSender(crypto, masterOf(v), { firstRtcpIndex: v.index });
      expect(hex(protect(sender, bytes(v.packet), 'rtcp'))).toBe(v.protected);
      const buffer = bytes(v.protected);
      const opened = srtpReceiver(crypto, masterOf(v)).rtcp(buffer, buffer.length);
      expect(opened.ok && hex(buffer.subarray(0, opened.length))).toBe(v.packet);
    }
  });

  it('brings any packet back, whatever its CSRCs, extension, length and place in its buffer', () => {
    const parts = fc.record({
      csrcs: fc.nat(15),
      words: fc.option(fc.nat(4)),
      payload: fc.uint8Array({ maxLength: 70 }),
      offset: fc.nat(3),
    });
    fc.assert(
      fc.property(parts, ({ csrcs, words, payload, offset }) => {
        const extension = words === null ? [] : [0xbe, 0xde, 0, words, ...Array.from({ length: words * 4 }, () => 5)];
        const first = 0x80 | (words === null ? 0 : 0x10) | csrcs;
        const head = [first, 96, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, ...Array.from({ length: csrcs * 4 }, () => 6)];
        const plain = Uint8Array.of(...head, ...extension, ...payload);
        const buffer = new Uint8Array(offset + plain.length + 10).subarray(offset);
        buffer.set(plain);
        const sealed = srtpSender(crypto, master).rtp(buffer, plain.length);
        expect(sealed).toEqual({ ok: true, length: plain.length + 10 });
        expect(hex(buffer.subarray(0, head.length + extension.length))).toBe(hex(Uint8Array.of(...head, ...extension)));
        expect(srtpReceiver(crypto, master).rtp(buffer, plain.length + 10)).toEqual({ ok: true, length: plain.length });
        expect(hex(buffer.subarray(0, plain.length))).toBe(hex(plain));
      }),
    );
  });
});

describe('the receiver', () => {
  const sealed = (sequences: number[]) => {
    const sender = srtpSender(node, master);
    return new Map(sequences.map((sequence) => [sequence, protect(sender, packet(sequence))]));
  };

  it('follows the sequence number around, with loss and reordering across the wrap', () => {
    const packets = sealed([65_530, 65_534, 65_535, 0, 1, 2, 40]);
    const receiver = srtpReceiver(node, master);
    for (const sequence of [65_530, 1, 65_535, 0, 40, 65_534, 2]) {
      const buffer = packets.get(sequence)!;
      expect(receiver.rtp(buffer, buffer.length), `packet ${sequence}`).toEqual({ ok: true, length: 52 });
      expect(hex(buffer.subarray(0, 52))).toBe(hex(packet(sequence)));
    }
  });

  it('refuses a replay and what is older than its window, at the edge', () => {
    const packets = sealed([1, 2, 129, 130]);
    const receiver = srtpReceiver(node, master);
    const give = (sequence: number) => receiver.rtp(packets.get(sequence)!.slice(), 62);
    expect(give(129).ok).toBe(true);
    expect(give(129)).toEqual({ ok: false, reason: 'replayed' });
    expect(give(2).ok).toBe(true);
    expect(give(1)).toEqual({ ok: false, reason: 'stale' });
    expect(give(2)).toEqual({ ok: false, reason: 'replayed' });
    expect(give(130).ok).toBe(true);
    expect(give(2)).toEqual({ ok: false, reason: 'stale' });
  });

  it('refuses any changed bit and leaves packet and state as they were', () => {
    const original = protect(srtpSender(node, master), packet(5));
    const receiver = srtpReceiver(node, master);
    for (let at = 0; at < original.length; at++) {
      const changed = original.map((byte, i) => (i === at ? byte ^ 0x04 : byte));
      const before = hex(changed);
      expect(receiver.rtp(changed, changed.length).ok, `byte ${at}`).toBe(false);
      expect(hex(changed)).toBe(before);
    }
    expect(receiver.rtp(original.slice(), original.length).ok).toBe(true);
  });

  it('is not led astray by forged sequence numbers: nothing moves before authentication', () => {
    const packets = sealed([100, 101]);
    const receiver = srtpReceiver(node, master);
    expect(receiver.rtp(packets.get(100)!, 62).ok).toBe(true);
    for (const sequence of [40_000, 65_535, 0])
      expect(receiver.rtp(packet(sequence, 0xdeadbeef, 50), 62).ok).toBe(false);
    expect(receiver.rtp(packets.get(101)!, 62).ok).toBe(true);
  });

  it('refuses the right packet under another key, another roll-over counter or another SSRC', () => {
    const good = protect(srtpSender(node, master), packet(5));
    expect(srtpReceiver(node, other).rtp(good.slice(), 62)).toEqual({ ok: false, reason: 'unauthentic' });
    const rollover = new Map([[0xdeadbeef, 1]]);
    expect(srtpReceiver(node, master, { rollover }).rtp(good.slice(), 62).ok).toBe(false);
    good[11]! ^= 1;
    expect(srtpReceiver(node, master).rtp(good, 62).ok).toBe(false);
  });

  it('holds 64 streams and not one more', () => {
    const sender = srtpSender(node, master);
    const receiver = srtpReceiver(node, master);
    for (let ssrc = 1; ssrc <= 64; ssrc++) expect(receiver.rtp(protect(sender, packet(1, ssrc)), 62).ok).toBe(true);
    const late = protect(srtpSender(node, master), packet(1, 65));
    expect(receiver.rtp(late, 62)).toEqual({ ok: false, reason: 'too-many-streams' });
    expect(receiver.rtp(protect(sender, packet(2, 64)), 62).ok).toBe(true);
  });

  it('gives no place to SSRCs that nobody authenticated', () => {
    const receiver = srtpReceiver(node, master);
    for (let ssrc = 1; ssrc <= 100; ssrc++) expect(receiver.rtp(packet(1, ssrc), 52).ok).toBe(false);
    expect(receiver.rtp(protect(srtpSender(node, master), packet(1)), 62).ok).toBe(true);
  });

  it('takes no length for a packet that is none', () => {
    const receiver = srtpReceiver(node, master);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(80), (junk, length) => {
        for (const kind of ['rtp', 'rtcp'] as const) expect(receiver[kind](junk.slice(), length).ok).toBe(false);
      }),
    );
  });
});

describe('SRTCP', () => {
  it('counts, encrypts all but its first eight bytes, and is accepted once', () => {
    const sender = srtpSender(node, master);
    const receiver = srtpReceiver(node, master);
    const first = protect(sender, RTCP, 'rtcp');
    const second = protect(sender, RTCP, 'rtcp');
    expect(hex(first.subarray(0, 8))).toBe(hex(RTCP.subarray(0, 8)));
    expect(hex(first.subarray(8, RTCP.length))).not.toBe(hex(second.subarray(8, RTCP.length)));
    expect(hex(second.subarray(RTCP.length, RTCP.length + 4))).toBe('80000001');
    expect(receiver.rtcp(second.slice(), second.length)).toEqual({ ok: true, length: RTCP.length });
    expect(receiver.rtcp(first.slice(), first.length)).toEqual({ ok: true, length: RTCP.length });
    expect(receiver.rtcp(first.slice(), first.length)).toEqual({ ok: false, reason: 'replayed' });
    for (const at of [0, 8, RTCP.length, RTCP.length + 3, RTCP.length + 13]) {
      const changed = protect(sender, RTCP, 'rtcp');
      changed[at]! ^= 1;
      expect(receiver.rtcp(changed, changed.length).ok, `byte ${at}`).toBe(false);
    }
  });

  it('does not take the E flag off', () => {
    const packetOne = protect(srtpSender(node, master), RTCP, 'rtcp');
    packetOne[RTCP.length]! ^= 0x80;
    expect(srtpReceiver(node, master).rtcp(packetOne, packetOne.length)).toEqual({ ok: false, reason: 'unauthentic' });
  });

  it('reads a packet that is authenticated only, for its sender left the E flag off', () => {
    const clear = roomy(RTCP);
    const mac = node.hmacSha1(deriveKey(node, master, 4, 20))(clear.subarray(0, RTCP.length + 4), new Uint8Array());
    clear.set(mac.subarray(0, 10), RTCP.length + 4);
    expect(srtpReceiver(node, master).rtcp(clear, clear.length)).toEqual({ ok: true, length: RTCP.length });
    expect(hex(clear.subarray(0, RTCP.length))).toBe(hex(RTCP));
  });

  it('ends at 2^31 packets', () => {
    const sender = srtpSender(node, master, { firstRtcpIndex: 2 ** 31 - 1 });
    expect(sender.rtcp(roomy(RTCP), RTCP.length).ok).toBe(true);
    expect(sender.rtcp(roomy(RTCP), RTCP.length)).toEqual({ ok: false, reason: 'exhausted' });
  });
});

describe('the sender', () => {
  it('never uses an index twice', () => {
    const sender = srtpSender(node, master);
    for (const sequence of [300, 301, 200]) expect(sender.rtp(roomy(packet(sequence)), 52).ok).toBe(true);
    for (const sequence of [300, 200, 100])
      expect(sender.rtp(roomy(packet(sequence)), 52)).toEqual({ ok: false, reason: 'repeated' });
  });

  it('ends at 2^48 packets', () => {
    const sender = srtpSender(node, master, { rollover: new Map([[0xdeadbeef, 2 ** 32 - 1]]) });
    expect(sender.rtp(roomy(packet(65_535)), 52).ok).toBe(true);
    expect(sender.rtp(roomy(packet(0)), 52)).toEqual({ ok: false, reason: 'exhausted' });
  });

  it('says when the buffer has no room', () => {
    expect(srtpSender(node, master).rtp(packet(1), 52)).toEqual({ ok: false, reason: 'no-room' });
    expect(srtpSender(node, master).rtcp(RTCP.slice(), RTCP.length)).toEqual({ ok: false, reason: 'no-room' });
    expect(srtpSender(node, master).rtp(packet(1), 99)).toEqual({ ok: false, reason: 'malformed' });
  });
});

describe('a change of keys', () => {
  it('retires every SSRC of before; fresh ones begin at roll-over counter 0', () => {
    const sender = srtpSender(node, master);
    const receiver = srtpReceiver(node, master);
    const give = (made: Uint8Array) => receiver.rtp(made, made.length).ok;
    for (const sequence of [65_535, 0]) expect(give(protect(sender, packet(sequence, 1)))).toBe(true);
    const late = protect(sender, packet(1, 1));
    sender.rekey(other);
    receiver.rekey(other);
    expect(sender.rtp(roomy(packet(2, 1)), 52)).toEqual({ ok: false, reason: 'retired-ssrc' });
    expect(give(protect(sender, packet(2, 2)))).toBe(true);
    expect(give(late)).toBe(true);
    const oldStream = protect(srtpSender(node, master), packet(9, 3));
    receiver.retire();
    expect(give(oldStream)).toBe(false);
    expect(give(protect(sender, packet(3, 2)))).toBe(true);
  });
});

describe('the index estimate', () => {
  it('is that of RFC 3711 appendix A: the candidate closest to the newest', () => {
    const near = fc.tuple(fc.integer({ min: 65_536, max: 2 ** 40 }), fc.integer({ min: -32_767, max: 32_767 }));
    fc.assert(
      fc.property(near, ([newest, distance]) => {
        expect(estimateIndex(newest, (newest + distance) % 65_536)).toBe(newest + distance);
      }),
    );
  });
});
