/** What a connection does, from the browser's own counters (W3C webrtc-stats). */
import type { Sample } from './quality.ts';

export interface Rates {
  /** Bits per second since the last look. */
  readonly audio: { readonly sent: number; readonly received: number };
  readonly video: { readonly sent: number; readonly received: number };
}

export interface Statistics {
  readonly rates: Rates;
  /** Share of our packets the peer did not get, 0 to 1, by its newest reports. */
  readonly loss: number;
  /** Round trip, ms; null before it was measured. */
  readonly roundTripMs: number | null;
  /** Bits per second that congestion control would send; null while it does not say. */
  readonly available: number | null;
  /** `relayed`: over a TURN server on either side. */
  readonly path: 'direct' | 'relayed' | null;
  readonly framesDecoded: number;
  /** As DTLS negotiated it, for instance `SRTP_AES128_CM_HMAC_SHA1_80`. */
  readonly protection: string | null;
}

interface Counters {
  readonly at: number;
  readonly bytes: Readonly<Record<'audio' | 'video', { sent: number; received: number }>>;
}

type Entry = Record<string, unknown> & { type: string };
const numberOf = (entry: Entry | undefined, name: string): number =>
  typeof entry?.[name] === 'number' ? entry[name] : 0;

/** Reads counters and remembers them, so that the next reading has rates. `now` in ms. */
export function statisticsReader(): (report: RTCStatsReport, now: number) => Statistics {
  let before: Counters | null = null;
  return (report, now) => {
    const entries = [...(report as unknown as Map<string, Entry>).values()];
    const of = (type: string) => entries.filter((entry) => entry.type === type);
    const byId = (id: unknown) => entries.find((entry) => entry['id'] === id);
    const sum = (type: string, kind: string, field: string) =>
      of(type)
        .filter((entry) => entry['kind'] === kind)
        .reduce((total, entry) => total + numberOf(entry, field), 0);
    const bytes = {
      audio: {
        sent: sum('outbound-rtp', 'audio', 'bytesSent'),
        received: sum('inbound-rtp', 'audio', 'bytesReceived'),
      },
      video: {
        sent: sum('outbound-rtp', 'video', 'bytesSent'),
        received: sum('inbound-rtp', 'video', 'bytesReceived'),
      },
    };
    const since = before;
    before = { at: now, bytes };
    const rate = (kind: 'audio' | 'video', way: 'sent' | 'received') =>
      since && now > since.at ? ((bytes[kind][way] - since.bytes[kind][way]) * 8_000) / (now - since.at) : 0;
    const transport = of('transport')[0];
    const pair = byId(transport?.['selectedCandidatePairId']);
    const ends = [byId(pair?.['localCandidateId']), byId(pair?.['remoteCandidateId'])];
    const losses = of('remote-inbound-rtp').map((entry) => numberOf(entry, 'fractionLost'));
    return {
      rates: {
        audio: { sent: rate('audio', 'sent'), received: rate('audio', 'received') },
        video: { sent: rate('video', 'sent'), received: rate('video', 'received') },
      },
      loss: Math.max(0, ...losses),
      roundTripMs: pair?.['currentRoundTripTime'] === undefined ? null : numberOf(pair, 'currentRoundTripTime') * 1_000,
      available: pair?.['availableOutgoingBitrate'] === undefined ? null : numberOf(pair, 'availableOutgoingBitrate'),
      path: pair ? (ends.some((end) => end?.['candidateType'] === 'relay') ? 'relayed' : 'direct') : null,
      framesDecoded: sum('inbound-rtp', 'video', 'framesDecoded'),
      protection: typeof transport?.['srtpCipher'] === 'string' ? transport['srtpCipher'] : null,
    };
  };
}

export const sampleOf = ({ available, loss }: Statistics): Sample => ({ available, loss });
