/** The few lines of a session description (RFC 8866) that are read or added here; everything else passes as it came. */

/** Longest description taken, characters: a sealed signal holds 16 KiB. */
export const SDP_CHARACTERS = 14_000;

const FINGERPRINT = /^a=fingerprint:(\S+) ([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*)$/;

/**
 * SHA-256 of the certificate that the sender will show in DTLS (RFC 8122 §5), in hexadecimal; null when there is none, when
 * lines disagree, or when any names another hash.
 */
export function fingerprintOf(sdp: string): string | null {
  const found = new Set<string>();
  for (const line of sdp.split(/\r?\n/)) {
    if (!line.startsWith('a=fingerprint:')) continue;
    const [, hash, value] = FINGERPRINT.exec(line) ?? [];
    if (hash?.toLowerCase() !== 'sha-256' || value === undefined || value.length !== 32 * 3 - 1) return null;
    found.add(value.replaceAll(':', '').toLowerCase());
  }
  const [only] = found;
  return found.size === 1 ? only! : null;
}

/** How this side wants to hear speech (RFC 7587 §6.1). */
export interface AudioWishes {
  /** Bits per second, average. */
  readonly bitrate: number;
  /** In-band forward error correction. */
  readonly fec: boolean;
  /** Nothing is sent in silence. */
  readonly dtx: boolean;
}

/** The description as it is sent, with what this side wants of the peer's Opus encoder. Null changes nothing. */
export function withAudioWishes(sdp: string, wishes: AudioWishes | null): string {
  if (!wishes) return sdp;
  const payload = /^a=rtpmap:(\d+) opus\/48000\/2\r?$/m.exec(sdp)?.[1];
  if (payload === undefined) return sdp;
  const asked = [
    `maxaveragebitrate=${wishes.bitrate}`,
    `useinbandfec=${Number(wishes.fec)}`,
    `usedtx=${Number(wishes.dtx)}`,
  ];
  return sdp.replace(new RegExp(`^a=fmtp:${payload} ([^\\r\\n]*)`, 'm'), (_, given: string) => {
    const kept = given.split(';').filter((part) => !asked.some((one) => one.split('=')[0] === part.split('=')[0]));
    return `a=fmtp:${payload} ${[...kept, ...asked].join(';')}`;
  });
}
