/**
 * SFrame (RFC 9605) around every encoded frame, in a worker (WebRTC Encoded Transform), for media that crosses a unit which
 * forwards it. Suite 5; between two devices KID 0 and the base keys of the session, in a group the keys that `call.group.frameKeys`
 * holds, by participant. Frames that do not open are dropped.
 */
import type { FrameKey, FrameKeys } from '../calls/group-call.ts';
import type { Bytes } from '../crypto/provider.ts';
import { equal } from '../../bytes/join.ts';
import { webCrypto } from '../crypto/webcrypto.ts';
import { GROUP_FRAMES, type SFrameReceiver, type SFrameSender, sframeReceiver, sframeSender } from '../media/sframe.ts';

const SUITE = 5;
const KID = 0;

/** To the worker. */
export type FrameOrder =
  | { readonly type: 'keys'; readonly send: Bytes; readonly receive: Bytes }
  /** Of a group, whole: `{ type: 'group', ...call.group.frameKeys }`, said again whenever they change. */
  | ({ readonly type: 'group' } & FrameKeys)
  | { readonly type: 'erase' };

/** From the worker, now and then. */
export type FrameReport =
  | { readonly type: 'counts'; readonly opened: number; readonly refused: number }
  /** The key of a group is nearly used up: `call.group.rekey()`. Said again while it is in use. */
  | { readonly type: 'rekey'; readonly kid: number };

/** Frames under one key of a group: how many it is for, from which on fresh keys are asked for, and how often again. */
export interface FrameLimits {
  readonly frames: number;
  readonly askFrom: number;
  readonly askEvery: number;
}

/** At 250 frames a second there are nine minutes between the first question and the last frame. */
const GROUP_LIMITS: FrameLimits = { frames: GROUP_FRAMES, askFrom: GROUP_FRAMES - 2 ** 17, askEvery: 2 ** 12 };

/** What a transform does, and for which stream: its index is authenticated with each frame, so that none passes as another's. */
export interface FrameRole {
  readonly way: 'send' | 'receive';
  readonly stream: number;
  /** Of a group, for `receive`: the participant whose frames these are. Another one's do not open. */
  readonly participant?: string;
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
  /** For one more frame; null while nothing may be sent. */
  sender(): Promise<SFrameSender> | null;
  /** With the keys as they are now; the same one while they are only added to and taken from. */
  receiver(participant: string | undefined): Promise<SFrameReceiver | null>;
}

function keysOf(order: FrameOrder & { type: 'keys' }): Keys {
  const crypto = webCrypto();
  let sender: Promise<SFrameSender> | null = null;
  return {
    /** One counter for all streams of this device: a nonce is never used twice under the key. */
    sender: () => (sender ??= sframeSender(crypto, SUITE, KID, order.send)),
    receiver: async (participant) => {
      if (participant !== undefined) return null;
      const receiver = sframeReceiver(crypto, SUITE);
      await receiver.add(KID, order.receive);
      return receiver;
    },
  };
}

interface Kept<T> {
  readonly is: FrameKey;
  readonly made: Promise<T>;
}

/** An own key, and for how many frames it was asked for. */
type Sending = Kept<SFrameSender> & { asked: number };

const same = (a: FrameKey, b: FrameKey): boolean => a.kid === b.kid && equal(a.key, b.key);

/**
 * The keys of a group as they were told last. A key that stays keeps its counter and its window: a counter that began again under it
 * would repeat nonces.
 */
class GroupKeys {
  readonly #crypto = webCrypto();
  readonly #limits: FrameLimits;
  readonly #report: (report: FrameReport) => void;
  #send: Sending | null = null;
  #silent = true;
  readonly #receivers = new Map<string, { readonly receiver: SFrameReceiver; keys: readonly FrameKey[] }>();
  #told: Promise<void> = Promise.resolve();

  constructor(limits: FrameLimits, report: (report: FrameReport) => void) {
    this.#limits = limits;
    this.#report = report;
  }

  tell({ send, receive }: FrameKeys): void {
    this.#silent = !send;
    if (send && (!this.#send || !same(this.#send.is, send))) {
      const { frames } = this.#limits;
      this.#send = { is: send, made: sframeSender(this.#crypto, SUITE, send.kid, send.key, { frames }), asked: 0 };
    }
    this.#told = this.#told.then(() => this.#hear(receive));
  }

  async #hear(receive: FrameKeys['receive']): Promise<void> {
    for (const participant of this.#receivers.keys())
      if (!receive.some((one) => one.participant === participant)) this.#receivers.delete(participant);
    for (const { participant, keys } of receive) {
      const held = this.#receivers.get(participant) ?? { receiver: this.#newReceiver(), keys: [] };
      this.#receivers.set(participant, held);
      for (const old of held.keys) if (!keys.some((key) => same(key, old))) held.receiver.remove(old.kid);
      for (const key of keys) if (!held.keys.some((old) => same(key, old))) await held.receiver.add(key.kid, key.key);
      held.keys = keys;
    }
  }

  #newReceiver(): SFrameReceiver {
    return sframeReceiver(this.#crypto, SUITE, this.#limits.frames);
  }

  sender(): Promise<SFrameSender> | null {
    const { frames, askFrom, askEvery } = this.#limits;
    if (!this.#send || this.#silent) return null;
    const nth = this.#send.asked++;
    if (nth >= askFrom && (nth - askFrom) % askEvery === 0) this.#report({ type: 'rekey', kid: this.#send.is.kid });
    return nth < frames ? this.#send.made : null;
  }

  async receiver(participant = ''): Promise<SFrameReceiver | null> {
    await this.#told;
    return this.#receivers.get(participant)?.receiver ?? null;
  }
}

/** Runs in the worker: `serveFrames(self)`. Until keys are there, and after they were erased, no frame passes. */
export function serveFrames(scope: FrameScope, limits: FrameLimits = GROUP_LIMITS): void {
  let keys: Keys | null = null;
  let opened = 0;
  let refused = 0;
  scope.addEventListener('message', ({ data }) => {
    const order = data as FrameOrder;
    if (order.type === 'group') {
      const group: GroupKeys = keys instanceof GroupKeys ? keys : new GroupKeys(limits, report);
      group.tell(order);
      keys = group;
    } else keys = order.type === 'keys' ? keysOf(order) : null;
  });
  scope.addEventListener('rtctransform', ({ transformer }) => {
    const { options, readable, writable } = transformer as Transformer;
    const each = options.way === 'send' ? sealing(options.stream, () => keys) : opening(options, () => keys, counted);
    void readable
      .pipeThrough(new TransformStream<EncodedFrame, EncodedFrame>({ transform: each }))
      .pipeTo(writable)
      .catch(() => undefined);
  });

  function report(what: FrameReport): void {
    scope.postMessage(what);
  }

  function counted(ok: boolean): void {
    if (ok) opened += 1;
    else refused += 1;
    if ((opened + refused) % 100 === 1) report({ type: 'counts', opened, refused });
  }
}

type Through = (frame: EncodedFrame, out: TransformStreamDefaultController<EncodedFrame>) => Promise<void>;

function sealing(stream: number, keys: () => Keys | null): Through {
  const metadata = Uint8Array.of(stream);
  return async (frame, out) => {
    const sender = frame.data.byteLength === 0 ? null : await keys()?.sender();
    if (!sender) return;
    frame.data = (await sender.seal(new Uint8Array(frame.data), metadata)).buffer;
    out.enqueue(frame);
  };
}

function opening({ stream, participant }: FrameRole, keys: () => Keys | null, counted: (ok: boolean) => void): Through {
  const metadata = Uint8Array.of(stream);
  let under: Keys | null = null;
  let receiver: SFrameReceiver | null = null;
  return async (frame, out) => {
    const now = keys();
    if (now !== under || participant !== undefined)
      [under, receiver] = [now, (await now?.receiver(participant)) ?? null];
    const result = await receiver?.open(new Uint8Array(frame.data), metadata);
    counted(result?.ok === true);
    if (!result?.ok) return;
    frame.data = result.frame.buffer;
    out.enqueue(frame);
  };
}
