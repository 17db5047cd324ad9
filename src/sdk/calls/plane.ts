import {
  CALL_PROTOCOL,
  type CallFrame,
  FrameHead,
  IN_CALL_ALIVE_MS,
  type Reply,
  type Verb,
} from '../../protocol/call.ts';
import { PING } from '../../protocol/keep-alive.ts';
import * as v from 'valibot';
import { Ticket } from '../../protocol/api.ts';
import type { IdentifiedApi } from '../api.ts';
import type { ClientConfig, SocketLike } from '../config.ts';
import type { Bytes } from '../crypto/provider.ts';

export interface PlaneEvents {
  frame(frame: CallFrame): void;
  datagram(bytes: Bytes): void;
  closed(): void;
}

const REPLY_LIMIT_MS = 5_000;

const ReplyFrame = v.object({ type: v.literal('reply'), request: v.string(), reply: v.unknown() });

/** The socket of one call, while it lasts: signals and states as text, relayed datagrams as bytes. Nothing on it is durable. */
export class CallPlane {
  readonly #socket: SocketLike;
  readonly #after: ClientConfig['after'];
  readonly #waiting = new Map<string, (reply: Reply | null) => void>();
  #requests = 0;
  #open = true;
  /** Something was heard since the last look. */
  #alive = false;
  #cancelWatch: () => void = () => undefined;
  readonly #events: PlaneEvents;

  private constructor(socket: SocketLike, after: ClientConfig['after'], events: PlaneEvents) {
    this.#socket = socket;
    this.#after = after;
    this.#events = events;
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', (event: { data: unknown }) => this.#heard(event.data));
    socket.addEventListener('close', () => this.#lost());
    this.#watch();
  }

  /** Gets a single-use ticket and opens; resolves when frames can be sent. */
  static async open(
    config: ClientConfig,
    api: IdentifiedApi,
    call: string,
    events: PlaneEvents,
    signal: AbortSignal,
  ): Promise<CallPlane> {
    const path = `/v1/calls/${call}/tickets`;
    const { ticket } = await api.ask(Ticket, { method: 'POST', path, body: {}, signal });
    const socket = config.openSocket(`${config.origin.replace(/^http/, 'ws')}/v1/calls/${call}/socket`, [
      CALL_PROTOCOL,
      ticket,
    ]);
    return new Promise((resolve, reject) => {
      const plane = new CallPlane(socket, config.after, {
        ...events,
        closed: () => {
          reject(new Error('closed before it opened'));
          events.closed();
        },
      });
      socket.addEventListener('open', () => {
        plane.#alive = true;
        resolve(plane);
      });
      socket.addEventListener('error', () => undefined);
    });
  }

  say(verb: Verb): Promise<Reply | null> {
    if (!this.#open) return Promise.resolve(null);
    const request = `p${++this.#requests}`;
    return new Promise((resolve) => {
      const cancel = this.#after(REPLY_LIMIT_MS, () => this.#answered(request, null));
      this.#waiting.set(request, (reply) => {
        cancel();
        resolve(reply);
      });
      this.#socket.send(JSON.stringify({ type: 'call', request, verb }));
    });
  }

  #answered(request: string, reply: Reply | null): void {
    this.#waiting.get(request)?.(reply);
    this.#waiting.delete(request);
  }

  relay(datagram: Bytes): void {
    if (this.#open) this.#socket.send(datagram);
  }

  /** The closing handshake of a dead connection may take minutes: nobody waits for it. */
  close(): void {
    if (!this.#open) return;
    this.#socket.close(1000, 'bye');
    this.#lost();
  }

  /** The server gives up a plane without a keep-alive; a plane that does not answer one is dead. */
  #watch(): void {
    this.#cancelWatch = this.#after(IN_CALL_ALIVE_MS, () => {
      if (!this.#alive) return this.close();
      this.#alive = false;
      this.#socket.send(PING);
      this.#watch();
    });
  }

  #lost(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#cancelWatch();
    for (const answer of this.#waiting.values()) answer(null);
    this.#waiting.clear();
    this.#events.closed();
  }

  #heard(data: unknown): void {
    const events = this.#events;
    if (!this.#open) return;
    this.#alive = true;
    if (data instanceof ArrayBuffer) return events.datagram(new Uint8Array(data));
    if (typeof data !== 'string') return;
    const frame = decoded(data);
    if (v.is(ReplyFrame, frame)) {
      this.#answered(frame.request, frame.reply as Reply);
    } else if (v.is(FrameHead, frame)) events.frame(frame as unknown as CallFrame);
  }
}

function decoded(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
