import { nameOf } from '../../actors/kernel/store.ts';
import type { Address } from '../../actors/port.ts';
import { CLOSE } from '../../protocol/courier.ts';
import { PING, PONG } from '../../protocol/keep-alive.ts';

/** A peer that is silent for half of this gets a protocol ping; one that is silent for all of it is closed (s). */
const IDLE_TIMEOUT_S = 60;
/** The largest frame a peer may send. What an actor makes of smaller ones is its own affair. */
const MAX_FRAME_BYTES = 1_048_576;
/** What may lie unsent for a peer that does not read, and unhandled from one that only writes. */
const MAX_UNSENT_BYTES = 8_388_608;
const MAX_UNHANDLED_FRAMES = 8_192;
const MAX_UNHANDLED_LENGTH = 8_388_608;
/** A socket is closed when its peer has been silent for so long, or at the latest after so long. */
const QUIET_MS = 200;
const LINGER_MS = 2_000;
/** How long a host that ends waits for its peers to answer the closing handshake. */
const LAST_ANSWER_MS = 3_000;

/** What a socket's life brings to the host. */
export interface Listener {
  opened(self: Address, id: string, tags: readonly string[], body: unknown): Promise<void>;
  frame(self: Address, id: string, frame: string | Uint8Array): Promise<void>;
  lost(self: Address, id: string): Promise<void>;
}

interface Live {
  readonly self: Address;
  readonly socket: WebSocket;
  readonly tags: readonly string[];
  unhandled: number;
  unhandledLength: number;
}

const NONE: ReadonlyMap<string, number> = new Map();

/** The open sockets of every actor. One is listed from its opening until either side closes it, and then told lost once. */
export class Sockets {
  readonly #listener: Listener;
  readonly #now: () => number;
  readonly #live = new Map<string, Live>();
  /** Per actor: when each of its sockets was last heard (ms). */
  readonly #heard = new Map<string, Map<string, number>>();

  constructor(listener: Listener, now: () => number) {
    this.#listener = listener;
    this.#now = now;
  }

  of(self: Address): ReadonlyMap<string, number> {
    return this.#heard.get(nameOf(self)) ?? NONE;
  }

  /**
   * Answers an upgrade request; with 400 when its handshake is none (RFC 6455 §4.2.1). The actor meets the socket when it is
   * open, before any frame of it.
   */
  upgrade(self: Address, request: Request, tags: readonly string[], body: unknown, protocol?: string): Response {
    const options = { idleTimeout: IDLE_TIMEOUT_S, ...(protocol !== undefined && { protocol }) };
    const upgraded = handshake(request, options);
    if (!upgraded) return new Response(null, { status: 400 });
    const { socket, response } = upgraded;
    const id = crypto.randomUUID();
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', () => {
      this.#add(self, id, socket, tags);
      void this.#listener.opened(self, id, tags, body);
    });
    socket.addEventListener('message', (event: MessageEvent<string | ArrayBuffer>) => this.#message(id, event.data));
    socket.addEventListener('close', () => this.#lose(id));
    return response;
  }

  /** For nobody's sake: listed nowhere. */
  turnAway(request: Request, { code, reason, protocol }: { code: number; reason: string; protocol: string }): Response {
    const upgraded = handshake(request, { protocol });
    if (!upgraded) return new Response(null, { status: 400 });
    const { socket, response } = upgraded;
    socket.addEventListener('open', () => socket.close(code, reason));
    return response;
  }

  send(id: string, frame: string | Uint8Array): void {
    const socket = this.#live.get(id)?.socket;
    if (!socket || socket.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > MAX_UNSENT_BYTES) return this.close(id, 1013, 'reading too slowly');
    socket.send(frame as string | Uint8Array<ArrayBuffer>);
  }

  /** The actor is told at once: a peer that never answers the closing handshake keeps nothing waiting. */
  close(id: string, code: number, reason: string): void {
    const live = this.#live.get(id);
    if (!live) return;
    const heardAt = this.#heard.get(nameOf(live.self))?.get(id) ?? 0;
    this.#lose(id);
    if (this.#now() - heardAt >= QUIET_MS) return live.socket.close(code, reason);
    closeWhenQuiet(live.socket, code, reason);
  }

  /** `farewell` gives each its last frame. Resolves when the peers have answered, or after a moment. */
  async closeAll(
    code: number,
    reason: string,
    farewell: (self: Address, tags: readonly string[], crowd: number) => string | null,
  ): Promise<void> {
    const all = [...this.#live];
    const closed = all.map(([, { socket }]) => new Promise((resolve) => socket.addEventListener('close', resolve)));
    for (const [id, { self, tags }] of all) {
      const last = farewell(self, tags, all.length);
      if (last !== null) this.send(id, last);
      this.close(id, code, reason);
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, LAST_ANSWER_MS);
    });
    await Promise.race([Promise.all(closed), late]);
    clearTimeout(timer);
  }

  #message(id: string, data: string | ArrayBuffer): void {
    const live = this.#live.get(id);
    if (!live) return;
    this.#heard.get(nameOf(live.self))?.set(id, this.#now());
    if (data === PING) return this.send(id, PONG);
    const size = typeof data === 'string' ? data.length : data.byteLength;
    if (size > MAX_FRAME_BYTES) return this.close(id, 1009, 'frame too large');
    if (live.unhandled >= MAX_UNHANDLED_FRAMES || live.unhandledLength > MAX_UNHANDLED_LENGTH)
      return this.close(id, CLOSE.tooFast, 'too fast');
    live.unhandled++;
    live.unhandledLength += size;
    void this.#listener.frame(live.self, id, typeof data === 'string' ? data : new Uint8Array(data)).then(() => {
      live.unhandled--;
      live.unhandledLength -= size;
    });
  }

  #add(self: Address, id: string, socket: WebSocket, tags: readonly string[]): void {
    const name = nameOf(self);
    const heard = this.#heard.get(name) ?? new Map<string, number>();
    this.#heard.set(name, heard.set(id, this.#now()));
    this.#live.set(id, { self, socket, tags, unhandled: 0, unhandledLength: 0 });
  }

  #lose(id: string): void {
    const live = this.#live.get(id);
    if (!live) return;
    this.#live.delete(id);
    const name = nameOf(live.self);
    const heard = this.#heard.get(name);
    heard?.delete(id);
    if (heard?.size === 0) this.#heard.delete(name);
    void this.#listener.lost(live.self, id);
  }
}

/**
 * The runtime drops a connection on which it reads a frame after its own closing frame (RFC 6455 §7.1.1 lets the peer still send),
 * and what was sent on it is lost with it: a peer in the middle of sending would learn no code. What it still sends is let go.
 */
function closeWhenQuiet(socket: WebSocket, code: number, reason: string): void {
  const close = (): void => socket.close(code, reason);
  let quiet = setTimeout(close, QUIET_MS);
  const latest = setTimeout(close, LINGER_MS);
  socket.addEventListener('message', () => {
    clearTimeout(quiet);
    if (socket.readyState === WebSocket.OPEN) quiet = setTimeout(close, QUIET_MS);
  });
  socket.addEventListener('close', () => {
    clearTimeout(quiet);
    clearTimeout(latest);
  });
}

/** Null for a request that the runtime does not take for a handshake: it throws a TypeError then, and only then. */
function handshake(
  request: Request,
  options: Parameters<typeof Deno.upgradeWebSocket>[1],
): Deno.WebSocketUpgrade | null {
  try {
    return Deno.upgradeWebSocket(request, options);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}
