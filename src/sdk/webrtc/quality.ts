/** What each stream may cost. Speech keeps its rate; pictures step down for it. Pure. */

export const STREAMS = ['audio', 'video', 'screen'] as const;
export type StreamName = (typeof STREAMS)[number];

/** Bits per second, frames per second; `scale` divides width and height. */
export interface Ceiling {
  readonly bitrate: number;
  readonly frames?: number;
  readonly scale?: number;
}

/** Opus at 48 kHz; in low data it is still good speech, with silence left out. */
export const AUDIO: Readonly<Record<'usual' | 'lowData', Ceiling>> = {
  usual: { bitrate: 64_000 },
  lowData: { bitrate: 24_000 },
};

/** Steps of the camera, best first; the last is no picture. */
export const VIDEO_STEPS: readonly Ceiling[] = [
  { bitrate: 1_700_000, frames: 30, scale: 1 },
  { bitrate: 700_000, frames: 30, scale: 1.5 },
  { bitrate: 300_000, frames: 20, scale: 2 },
  { bitrate: 120_000, frames: 15, scale: 4 },
  { bitrate: 0 },
];
export const LOW_DATA_STEP = 3;

/** Sharp text before motion. */
export const SCREEN: Ceiling = { bitrate: 1_200_000, frames: 10, scale: 1 };

/** What a second of a connection showed. */
export interface Sample {
  /** Bits per second that congestion control would send; null while it does not say. */
  readonly available: number | null;
  /** Share of packets the peer did not get, 0 to 1. */
  readonly loss: number;
}

export interface Pace {
  /** Index into `VIDEO_STEPS`. */
  readonly step: number;
  /** Samples in a row that had room for the step above. */
  readonly calm: number;
}

const CALM_SAMPLES = 5;
/** Room beyond the rates themselves, for headers, retransmissions and bursts. */
const MARGIN = 1.25;
const MUCH_LOSS = 0.1;

/** Down at once, as far as needed; up one step after five calm samples. `best`: the highest step allowed. */
export function pace(now: Pace, sample: Sample, audioBitrate: number, best = 0): Pace {
  const fits = (step: number) =>
    sample.available === null || sample.available >= audioBitrate + VIDEO_STEPS[step]!.bitrate * MARGIN;
  const last = VIDEO_STEPS.length - 1;
  const highest = Math.max(best, now.step);
  let step = highest;
  while (step < last && !fits(step)) step += 1;
  if (step === highest && sample.loss > MUCH_LOSS && step < last) step += 1;
  if (step > now.step) return { step, calm: 0 };
  const room = now.step > best && fits(now.step - 1) && sample.loss <= MUCH_LOSS / 2;
  if (!room) return { step: now.step, calm: 0 };
  return now.calm + 1 < CALM_SAMPLES ? { step: now.step, calm: now.calm + 1 } : { step: now.step - 1, calm: 0 };
}
