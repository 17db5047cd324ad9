/** Sending side of SRTP and SRTCP (RFC 3711 §3.3, §3.4) with AES_256_CM_HMAC_SHA1_80 (RFC 6188). */
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
import type { SrtpCrypto } from './srtp-crypto.ts';
import type { ReplayWindow } from './window.ts';
import { replayWindow } from './window.ts';

export type ProtectRefusal =
  | 'malformed'
  /** The buffer has no room behind the packet for what protection adds. */
  | 'no-room'
  /** This index was used before, or is too old to say: protecting it again could repeat keystream. */
  | 'repeated'
  | 'retired-ssrc'
  | 'too-many-streams'
  /** 2^48 RTP or 2^31 RTCP packets under one key: rekey. */
  | 'exhausted';
export type Protected = { ok: true; length: number } | { ok: false; reason: ProtectRefusal };

export interface SrtpSender {
  /** Protects the packet in the first `length` bytes of the buffer in place; needs 10 bytes of room behind it. */
  rtp(buffer: Uint8Array, length: number): Protected;
  /** The same for RTCP; needs 14 bytes of room. */
  rtcp(buffer: Uint8Array, length: number): Protected;
  /** Changes the master key. Every SSRC used until now is retired: streams go on under fresh ones, from roll-over counter 0. */
  rekey(master: SrtpMaster): void;
}

/** Bytes that protection adds. */
export const RTP_OVERHEAD = TAG_BYTES;
export const RTCP_OVERHEAD = TAG_BYTES + TRAILER_BYTES;
export const STREAMS = 64;

interface Stream {
  sent: ReplayWindow;
  nextRtcp: number;
}

const no = (reason: ProtectRefusal): Protected => ({ ok: false, reason });

/** `rollover`: first roll-over counter of a stream, by SSRC, where a stream is continued; 0 for all others. */
export function srtpSender(
  crypto: SrtpCrypto,
  master: SrtpMaster,
  options: { rollover?: ReadonlyMap<number, number>; firstRtcpIndex?: number } = {},
): SrtpSender {
  let keys: SessionStreams = sessionStreams(crypto, master);
  let streams = new Map<number, Stream>();
  const retired = new Set<number>();
  const counter = new Uint8Array(16);
  const suffix = new Uint8Array(4);
  const nothing = new Uint8Array();

  function streamOf(ssrc: number): Stream | ProtectRefusal {
    const known = streams.get(ssrc);
    if (known !== undefined) return known;
    if (retired.has(ssrc)) return 'retired-ssrc';
    if (streams.size >= STREAMS) return 'too-many-streams';
    const stream = { sent: replayWindow(), nextRtcp: options.firstRtcpIndex ?? 0 };
    streams.set(ssrc, stream);
    return stream;
  }

  function tag(buffer: Uint8Array, length: number, mac: Uint8Array): Protected {
    buffer.set(mac.subarray(0, TAG_BYTES), length);
    return { ok: true, length: length + TAG_BYTES };
  }

  return {
    rtp(buffer, length) {
      const start = length <= buffer.length ? payloadStart(buffer, length) : -1;
      if (start < 0) return no('malformed');
      if (buffer.length < length + RTP_OVERHEAD) return no('no-room');
      const ssrc = u32(buffer, 8);
      const stream = streamOf(ssrc);
      if (typeof stream === 'string') return no(stream);
      const sequence = u16(buffer, 2);
      const { newest } = stream.sent;
      const index =
        newest < 0 ? (options.rollover?.get(ssrc) ?? 0) * 65_536 + sequence : estimateIndex(newest, sequence);
      if (index >= 2 ** 48) return no('exhausted');
      if (index < 0 || stream.sent.judge(index) !== 'fresh') return no('repeated');
      stream.sent.mark(index);
      setCounter(counter, keys.rtp.salt, ssrc, index);
      keys.rtp.xor(counter, buffer.subarray(start, length));
      putU32(suffix, 0, Math.floor(index / 65_536));
      return tag(buffer, length, keys.rtp.mac(buffer.subarray(0, length), suffix));
    },
    rtcp(buffer, length) {
      if (length > buffer.length || !isRtcp(buffer, length)) return no('malformed');
      if (buffer.length < length + RTCP_OVERHEAD) return no('no-room');
      const ssrc = u32(buffer, 4);
      const stream = streamOf(ssrc);
      if (typeof stream === 'string') return no(stream);
      const index = stream.nextRtcp;
      if (index >= 2 ** 31) return no('exhausted');
      stream.nextRtcp++;
      setCounter(counter, keys.rtcp.salt, ssrc, index);
      keys.rtcp.xor(counter, buffer.subarray(RTCP_CLEAR_BYTES, length));
      putU32(buffer, length, (index | 0x80000000) >>> 0);
      const authenticated = length + TRAILER_BYTES;
      return tag(buffer, authenticated, keys.rtcp.mac(buffer.subarray(0, authenticated), nothing));
    },
    rekey(next) {
      for (const ssrc of streams.keys()) retired.add(ssrc);
      streams = new Map();
      keys = sessionStreams(crypto, next);
    },
  };
}
