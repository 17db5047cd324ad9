/** What the two ends of a peer connection tell each other, as JSON (UTF-8) in sealed signals. */
import * as v from 'valibot';
import { utf8 } from '../../bytes/utf8.ts';
import type { Bytes } from '../crypto/provider.ts';
import { SDP_CHARACTERS } from './sdp.ts';

const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535));
const text = (most: number) => v.pipe(v.string(), v.maxLength(most));

export const PeerMessage = v.variant('type', [
  v.strictObject({
    type: v.literal('offer'),
    /** Rises with every offer of this sender; its answer repeats it. */
    number: Count,
    /** Rises with every restart of ICE, by whoever restarts. */
    generation: Count,
    sdp: text(SDP_CHARACTERS),
  }),
  v.strictObject({ type: v.literal('answer'), number: Count, generation: Count, sdp: text(SDP_CHARACTERS) }),
  v.strictObject({
    type: v.literal('candidate'),
    generation: Count,
    candidate: text(1_024),
    sdpMid: v.nullable(text(64)),
    usernameFragment: v.nullable(text(256)),
  }),
  /** Which streams carry nothing by their sender's wish; the highest number counts. */
  v.strictObject({
    type: v.literal('muted'),
    number: Count,
    audio: v.boolean(),
    video: v.boolean(),
    screen: v.boolean(),
  }),
]);
export type PeerMessage = v.InferOutput<typeof PeerMessage>;

export const encodePeerMessage = (message: PeerMessage): Bytes => utf8(JSON.stringify(message));

/** Null for what is no message of this kind: a newer peer may say more. */
export function decodePeerMessage(content: Uint8Array): PeerMessage | null {
  try {
    const parsed = v.safeParse(PeerMessage, JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content)));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
