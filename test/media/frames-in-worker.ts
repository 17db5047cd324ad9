import { serveFrames } from '../../src/sdk/webrtc/frames.ts';

declare const name: string;

/** A worker with a name asks for fresh keys after so many frames, and again after as many. */
const askFrom = Number(name);

if (askFrom > 0) serveFrames(globalThis, { frames: 2 ** 20, askFrom, askEvery: askFrom });
else serveFrames(globalThis);
