/** Receiving side of SRTP and SRTCP (RFC 3711 §3.3, §3.4): estimate, replay check, authenticate, decrypt, and only then remember. */
import type { SessionStreams, SrtpMaster } from './keys.ts';
import { sessionStreams, setCounter } from './keys.ts';
import {
  estimateIndex,
  isRtcp,
  payloadStart,
  putU32,
  RTCP_CLEAR_BYTES,
  TAG_BYTES,
  TRAILER_BYTES,
  u16,
  u32,
} from './packet.ts';
import { RTCP_OVERHEAD, STREAMS } from './sender.ts';
import type { SrtpCrypto } from './srtp-crypto.ts';
import type { ReplayWindow } from './window.ts';
import { replayWindow } from './window.ts';

export type UnprotectRefusal = 'malformed' | 'replayed' | 'stale' | 'unauthentic' | 'too-many-streams';
export type Unprotected = { ok: true; length: number } | { ok: false; reason: UnprotectRefusal };

export interface SrtpReceiver {
  /** Unprotects the packet in the first `length` bytes in place; a refused packet is left as it came. */
  rtp(buffer: Uint8Array, length: number): Unprotected;
  rtcp(buffer: Uint8Array, length: number): Unprotected;
  /** New streams (SSRCs) are tried under this key, then the one before; known ones stay under theirs until `retire`. */
  rekey(master: SrtpMaster): void;
  /** Forgets every key but the newest, and the streams under them. */
  retire(): void;
}

interface Epoch {
  keys: SessionStreams;
}

interface Stream {
  epoch: Epoch;
  rtp: ReplayWindow;
  rtcp: ReplayWindow;
}

const no = (reason: UnprotectRefusal): Unprotected => ({ ok: false, reason });

/** `rollover`: roll-over counter of the first packet of a stream, by SSRC, learned out of band; 0 for all others. */
export function srtpReceiver(
  crypto: SrtpCrypto,
  master: SrtpMaster,
  options: { rollover?: ReadonlyMap<number, number> } = {},
): SrtpReceiver {
  let epochs: Epoch[] = [{ keys: sessionStreams(crypto, master) }];
  const streams = new Map<number, Stream>();
  const counter = new Uint8Array(16);
  const suffix = new Uint8Array(4);
  const nothing = new Uint8Array();

  /** The stream of an SSRC; for an unknown one a candidate per key, kept only by the packet that authenticates. */
  function candidates(ssrc: number): Stream[] {
    const known = streams.get(ssrc);
    if (known !== undefined) return [known];
    return epochs.map((epoch) => ({ epoch, rtp: replayWindow(), rtcp: replayWindow() }));
  }

  function each(ssrc: number, attempt: (stream: Stream) => Unprotected): Unprotected {
    if (!streams.has(ssrc) && streams.size >= STREAMS) return no('too-many-streams');
    let result = no('unauthentic');
    for (const stream of candidates(ssrc)) {
      result = attempt(stream);
      if (result.ok) {
        streams.set(ssrc, stream);
        return result;
      }
    }
    return result;
  }

  /** Time depends on nothing secret. */
  function tagged(buffer: Uint8Array, at: number, mac: Uint8Array): boolean {
    let difference = 0;
    for (let i = 0; i < TAG_BYTES; i++) difference |= buffer[at + i]! ^ mac[i]!;
    return difference === 0;
  }

  function openRtp(stream: Stream, buffer: Uint8Array, start: number, end: number): Unprotected {
    const [ssrc, sequence] = [u32(buffer, 8), u16(buffer, 2)];
    const { keys } = stream.epoch;
    // 1. Which index this must be.
    const { newest } = stream.rtp;
    const index = newest < 0 ? (options.rollover?.get(ssrc) ?? 0) * 65_536 + sequence : estimateIndex(newest, sequence);
    if (index < 0 || index >= 2 ** 48) return no('stale');
    // 2. Not seen before.
    const age = stream.rtp.judge(index);
    if (age !== 'fresh') return no(age);
    // 3. Authentic, the roll-over counter included.
    putU32(suffix, 0, Math.floor(index / 65_536));
    if (!tagged(buffer, end, keys.rtp.mac(buffer.subarray(0, end), suffix))) return no('unauthentic');
    // 4. Decrypted and remembered.
    setCounter(counter, keys.rtp.salt, ssrc, index);
    keys.rtp.xor(counter, buffer.subarray(start, end));
    stream.rtp.mark(index);
    return { ok: true, length: end };
  }

  function openRtcp(stream: Stream, buffer: Uint8Array, end: number): Unprotected {
    const { keys } = stream.epoch;
    const trailer = u32(buffer, end);
    const index = trailer & 0x7fffffff;
    const age = stream.rtcp.judge(index);
    if (age !== 'fresh') return no(age);
    const authenticated = end + TRAILER_BYTES;
    if (!tagged(buffer, authenticated, keys.rtcp.mac(buffer.subarray(0, authenticated), nothing)))
      return no('unauthentic');
    // §3.4: without the E flag the packet is authenticated only.
    if (trailer >>> 31 === 1) {
      setCounter(counter, keys.rtcp.salt, u32(buffer, 4), index);
      keys.rtcp.xor(counter, buffer.subarray(RTCP_CLEAR_BYTES, end));
    }
    stream.rtcp.mark(index);
    return { ok: true, length: end };
  }

  return {
    rtp(buffer, length) {
      const end = length - TAG_BYTES;
      const start = length <= buffer.length ? payloadStart(buffer, end) : -1;
      if (start < 0) return no('malformed');
      return each(u32(buffer, 8), (stream) => openRtp(stream, buffer, start, end));
    },
    rtcp(buffer, length) {
      const end = length - RTCP_OVERHEAD;
      if (length > buffer.length || !isRtcp(buffer, end)) return no('malformed');
      return each(u32(buffer, 4), (stream) => openRtcp(stream, buffer, end));
    },
    rekey(next) {
      epochs = [{ keys: sessionStreams(crypto, next) }, epochs[0]!];
    },
    retire() {
      epochs = epochs.slice(0, 1);
      for (const [ssrc, stream] of streams) if (stream.epoch !== epochs[0]) streams.delete(ssrc);
    },
  };
}
