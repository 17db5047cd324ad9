import { CALL_PROTOCOL, type CallFrame, FrameHead, type Reply, type Verb } from '../../protocol/call.ts';
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

  private constructor(socket: SocketLike, after: ClientConfig['after'], events: PlaneEvents) {
    this.#socket = socket;
    this.#after = after;
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', (event: { data: unknown }) => this.#heard(event.data, events));
    socket.addEventListener('close', () => {
      this.#open = false;
      for (const answer of this.#waiting.values()) answer(null);
      this.#waiting.clear();
      events.closed();
    });
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
    const plane = new CallPlane(socket, config.after, events);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve());
      socket.addEventListener('close', () => reject(new Error('closed before it opened')));
      socket.addEventListener('error', () => undefined);
    });
    return plane;
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

  close(): void {
    if (this.#open) this.#socket.close(1000, 'bye');
  }

  #heard(data: unknown, events: PlaneEvents): void {
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
