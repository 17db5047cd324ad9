import { serveFrames } from '../../src/sdk/webrtc/frames.ts';

serveFrames(globalThis);
