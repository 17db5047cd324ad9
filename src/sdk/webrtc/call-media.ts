/** A call of the SDK and its media: made when the call allows media, restarted with it, closed with it. */
import type { Call } from '../calls/call.ts';
import { MediaConnection, type MediaOptions, type SignalPath } from './connection.ts';
import type { StreamName } from './quality.ts';

const KEPT_SIGNALS = 128;

export type CallMediaOptions = Omit<MediaOptions, 'role' | 'signals' | 'frames'> & {
  /** Frames are encrypted from end to end in this worker, which runs `serveFrames(self)`: for media that crosses an SFU. */
  readonly frames?: Worker;
};

/**
 * Waits until media may flow (consent, grant and confirmed keys: G5), then connects. Nothing of this device's addresses leaves it
 * before. Ask for it as soon as there is a call: what the peer signals meanwhile is kept. Null when the call ended before.
 */
export async function startMedia(
  call: Call,
  options: CallMediaOptions,
  tracks: Partial<Record<StreamName, MediaStreamTrack>> = {},
): Promise<MediaConnection | null> {
  const signals = signalPath(call);
  const ended = call.next('ended').then(() => null);
  const begun = await Promise.race([call.next('media'), ended]);
  if (!begun) return null;
  const { frames, ...rest } = options;
  const starting = MediaConnection.start(
    {
      ...rest,
      role: call.role,
      signals,
      ...(frames && { frames: { worker: frames, keys: begun.keys.sframe } }),
    },
    tracks,
  );
  const connection = await Promise.race([starting, ended]);
  if (!connection) {
    starting.then(
      (late) => late.close(),
      () => undefined,
    );
    return null;
  }
  call.on('ice-restart', () => connection.networkChanged());
  call.on('ended', () => connection.close());
  if (call.phase === 'ended') connection.close();
  return connection;
}

/** A signal that cannot be said now is lost, as any may be: the negotiation says again what matters. */
function signalPath(call: Call): SignalPath {
  let listener: ((content: Uint8Array) => void) | null = null;
  const kept: Uint8Array[] = [];
  call.on('signal', ({ content }) => {
    if (listener) listener(content);
    else if (kept.length < KEPT_SIGNALS) kept.push(content);
  });
  return {
    send: (content) => void call.signal(content).catch(() => undefined),
    on(hear) {
      listener = hear;
      for (const content of kept.splice(0)) hear(content);
      return () => {
        listener = null;
      };
    },
  };
}
