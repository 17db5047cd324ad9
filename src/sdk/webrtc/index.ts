/** `./sdk/webrtc` of the package: media of a call in a browser. */
export { type CallMediaOptions, startMedia } from './call-media.ts';
export { MediaConnection } from './connection.ts';
export type { MediaEvents, MediaOptions, MediaState, Milestone, SignalPath } from './connection.ts';
export type { FrameLimits, FrameOrder, FrameReport, FrameRole, FrameScope } from './frames.ts';
export { serveFrames } from './frames.ts';
export { groupFrames } from './group-frames.ts';
export { AUDIO, type Ceiling, SCREEN, type StreamName, STREAMS, VIDEO_STEPS } from './quality.ts';
export type { Rates, Statistics } from './statistics.ts';
export { decodePeerMessage, encodePeerMessage, type PeerMessage } from './message.ts';
export { fingerprintOf } from './sdp.ts';
