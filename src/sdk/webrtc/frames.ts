/**
 * SFrame (RFC 9605) around every encoded frame, in a worker (WebRTC Encoded Transform), for media that crosses a unit which
 * forwards it. Between two devices: suite 5, KID 0, the base keys of the session. Frames that do not open are dropped.
 */
import type { Bytes } from '../crypto/provider.ts';
import { webCrypto } from '../crypto/webcrypto.ts';
import { type SFrameReceiver, type SFrameSender, sframeReceiver, sframeSender } from '../media/sframe.ts';

const SUITE = 5;
const KID = 0;

/** To the worker. */
export type FrameOrder =
  | { readonly type: 'keys'; readonly send: Bytes; readonly receive: Bytes }
  | { readonly type: 'erase' };

/** What a transform does, and for which stream: its index is authenticated with each frame, so that none passes as another's. */
export interface FrameRole {
  readonly way: 'send' | 'receive';
  readonly stream: number;
}

interface EncodedFrame {
  data: ArrayBuffer;
}
interface Transformer {
  readonly options: FrameRole;
  readonly readable: ReadableStream<EncodedFrame>;
  readonly writable: WritableStream<EncodedFrame>;
}
/** The part of a dedicated worker's global scope that is used. */
export interface FrameScope {
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'rtctransform', listener: (event: { transformer: unknown }) => void): void;
  postMessage(message: unknown): void;
}

interface Keys {
  sender(): Promise<SFrameSender>;
  receiver(): Promise<SFrameReceiver>;
}

function keysOf(order: FrameOrder & { type: 'keys' }): Keys {
  const crypto = webCrypto();
  let sender: Promise<SFrameSender> | null = null;
  return {
    /** One counter for all streams of this device: a nonce is never used twice under the key. */
    sender: () => (sender ??= sframeSender(crypto, SUITE, KID, order.send)),
    receiver: async () => {
      const receiver = sframeReceiver(crypto, SUITE);
      await receiver.add(KID, order.receive);
      return receiver;
    },
  };
}

/** Runs in the worker: `serveFrames(self)`. Until keys are there, and after they were erased, no frame passes. */
export function serveFrames(scope: FrameScope): void {
  let keys: Keys | null = null;
  let opened = 0;
  let refused = 0;
  scope.addEventListener('message', ({ data }) => {
    const order = data as FrameOrder;
    keys = order.type === 'keys' ? keysOf(order) : null;
  });
  scope.addEventListener('rtctransform', ({ transformer }) => {
    const { options, readable, writable } = transformer as Transformer;
    const each =
      options.way === 'send' ? sealing(options.stream, () => keys) : opening(options.stream, () => keys, counted);
    void readable
      .pipeThrough(new TransformStream<EncodedFrame, EncodedFrame>({ transform: each }))
      .pipeTo(writable)
      .catch(() => undefined);
  });

  function counted(ok: boolean): void {
    if (ok) opened += 1;
    else refused += 1;
    if ((opened + refused) % 100 === 1) scope.postMessage({ opened, refused });
  }
}

type Through = (frame: EncodedFrame, out: TransformStreamDefaultController<EncodedFrame>) => Promise<void>;

function sealing(stream: number, keys: () => Keys | null): Through {
  const metadata = Uint8Array.of(stream);
  return async (frame, out) => {
    const sender = await keys()?.sender();
    if (!sender || frame.data.byteLength === 0) return;
    frame.data = (await sender.seal(new Uint8Array(frame.data), metadata)).buffer;
    out.enqueue(frame);
  };
}

function opening(stream: number, keys: () => Keys | null, counted: (ok: boolean) => void): Through {
  const metadata = Uint8Array.of(stream);
  let under: Keys | null = null;
  let receiver: SFrameReceiver | null = null;
  return async (frame, out) => {
    const now = keys();
    if (now !== under) [under, receiver] = [now, (await now?.receiver()) ?? null];
    const result = await receiver?.open(new Uint8Array(frame.data), metadata);
    counted(result?.ok === true);
    if (!result?.ok) return;
    frame.data = result.frame.buffer;
    out.enqueue(frame);
  };
}
