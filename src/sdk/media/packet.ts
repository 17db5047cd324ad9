/** Reading RTP and RTCP packets (RFC 3550 §5.1, §6.4.1), and the packet index (RFC 3711 §3.3.1). */

/** Longest packet; keeps the 16-bit block counter of a packet from wrapping. */
export const PACKET_BYTES = 65_535;
export const TAG_BYTES = 10;
/** E flag and 31-bit index of SRTCP. */
export const TRAILER_BYTES = 4;
/** RTCP header and sender SSRC, never encrypted. */
export const RTCP_CLEAR_BYTES = 8;

export const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
export const u32 = (bytes: Uint8Array, at: number): number => (u16(bytes, at) * 65_536 + u16(bytes, at + 2)) >>> 0;
export const putU32 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
};

/** Where the payload begins: after the CSRC list and the header extension; -1 when the first `length` bytes are no RTP packet. */
export function payloadStart(bytes: Uint8Array, length: number): number {
  if (length < 12 || length > PACKET_BYTES || bytes[0]! >> 6 !== 2) return -1;
  let start = 12 + 4 * (bytes[0]! & 15);
  if (bytes[0]! & 16) {
    if (start + 4 > length) return -1;
    start += 4 + 4 * u16(bytes, start + 2);
  }
  return start <= length ? start : -1;
}

export const isRtcp = (bytes: Uint8Array, length: number): boolean =>
  length >= RTCP_CLEAR_BYTES && length <= PACKET_BYTES && bytes[0]! >> 6 === 2;

/**
 * The index (roll-over counter * 2^16 + sequence number) closest to the newest one (RFC 3711 appendix A).
 * Negative when that would be before the first packet.
 */
export function estimateIndex(newest: number, sequence: number): number {
  const last = newest % 65_536;
  const base = newest - last;
  if (last < 32_768) return sequence - last > 32_768 ? base - 65_536 + sequence : base + sequence;
  return last - 32_768 > sequence ? base + 65_536 + sequence : base + sequence;
}
