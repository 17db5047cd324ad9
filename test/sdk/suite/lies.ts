/** A server that lies to one device: what the real one says and hears is rewritten on its way, inside the device's own process. */
import { PONG } from '../../../src/protocol/keep-alive.ts';
import type { ClientConfig, SocketLike } from '../../../src/sdk/index.ts';

/** JSON as it is on the wire: a liar knows no types. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Wire = any;

export interface Lies {
  /** Answers of HTTP requests. */
  answer?: (path: string, answer: Wire) => Wire;
  /** Each frame about a call becomes these, over the courier or the plane it came by. */
  frame?: (frame: Wire) => Wire[];
  /** What its verbs are answered over a socket. */
  reply?: (reply: Wire) => Wire;
  /** What the device says about a call. */
  verb?: (verb: Wire) => Wire;
  /** Each relayed datagram of the peer becomes these. */
  datagram?: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>[];
  /** Datagrams of the device itself. */
  sent?: (bytes: Uint8Array<ArrayBuffer>) => void;
}

export interface Liar {
  readonly lies: Lies;
  /** Frames about calls, as they came from the real server. */
  readonly heard: Wire[];
  readonly config: (config: ClientConfig) => Partial<ClientConfig>;
  /** Delivers a frame of its own making over the courier. */
  inject(frame: Wire): void;
}

export function liar(lies: Lies = {}): Liar {
  const heard: Wire[] = [];
  let inject = (_frame: Wire): void => {
    throw new Error('no courier yet');
  };

  function socketOf(real: SocketLike): SocketLike {
    const listeners: ((event: never) => void)[] = [];
    /** Sequence numbers are the liar's own where it says more than it heard; acknowledgements are turned back into the real ones. */
    const real_ = new Map<number, number>();
    let seq = 0;
    const say = (data: string | ArrayBuffer) => {
      for (const listener of listeners) (listener as (event: { data: unknown }) => void)({ data });
    };
    const deliver = (frame: Wire, body: Wire) => {
      seq = Math.max(seq + 1, frame.seq);
      real_.set(seq, frame.seq);
      say(JSON.stringify({ ...frame, seq, id: `${frame.id}.${seq}`, body }));
    };
    const frames = (frame: Wire): Wire[] => {
      heard.push(frame);
      return lies.frame ? lies.frame(frame) : [frame];
    };
    real.addEventListener('message', ({ data }: { data: unknown }) => {
      if (data instanceof ArrayBuffer) {
        const bytes = new Uint8Array(data);
        for (const one of lies.datagram ? lies.datagram(bytes) : [bytes]) say(one.slice().buffer);
        return;
      }
      if (data === PONG) return say(PONG);
      const frame: Wire = JSON.parse(data as string);
      if (frame.type === 'welcome')
        inject = (body) => {
          const now = frame.serverNow;
          const head = { type: 'deliver', seq: 0, id: 'lie', topic: 'call', from: null };
          deliver({ ...head, sentAt: now, expiresAt: now + 60_000, serverNow: Date.now() }, body);
        };
      if (frame.type === 'deliver' && (frame.topic === 'call' || frame.topic === 'signal'))
        for (const body of frames(frame.body)) deliver(frame, body);
      else if (frame.type === 'deliver') deliver(frame, frame.body);
      else if (frame.call !== undefined) for (const one of frames(frame)) say(JSON.stringify(one));
      else if (frame.type === 'reply' && lies.reply) say(JSON.stringify({ ...frame, reply: lies.reply(frame.reply) }));
      else say(data as string);
    });
    return {
      get binaryType() {
        return real.binaryType;
      },
      set binaryType(type) {
        real.binaryType = type;
      },
      send(data) {
        if (typeof data !== 'string') {
          lies.sent?.(data);
          return real.send(data);
        }
        if (!data.startsWith('{')) return real.send(data);
        const frame: Wire = JSON.parse(data);
        if (frame.type === 'ack') frame.upTo = real_.get(frame.upTo) ?? 0;
        if (frame.type === 'call' && lies.verb) frame.verb = lies.verb(frame.verb);
        real.send(JSON.stringify(frame));
      },
      close: (code, reason) => real.close(code, reason),
      addEventListener(type, listener) {
        if (type === 'message') listeners.push(listener);
        else real.addEventListener(type, listener);
      },
    };
  }

  return {
    lies,
    heard,
    inject: (frame) => inject(frame),
    config: ({ fetch, openSocket }) => ({
      openSocket: (url, protocols) => socketOf(openSocket(url, protocols)),
      async fetch(url, init) {
        const response = await fetch(url, init);
        if (!lies.answer || !response.ok) return response;
        const { status, headers } = response;
        const told = lies.answer(new URL(url).pathname, await response.json());
        return new Response(JSON.stringify(told), {
          status,
          headers: { 'DPoP-Nonce': headers.get('DPoP-Nonce') ?? '' },
        });
      },
    }),
  };
}
