import type { Json } from '../../actors/port.ts';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { fromUtf8, utf8 } from '../../bytes/utf8.ts';

/** What the Worker tells an object about a socket that is about to open. */
export interface Introduction {
  readonly tags: readonly string[];
  readonly body: Json;
  readonly protocol?: string;
}

const HEADER = 'callsign-socket';
const MAX_INTRODUCTION_CHARS = 65_536;

/** The upgrade as it reaches the object: wholly of our own making, so nothing a client sent can pass for an introduction. */
export function introduce(introduction: Introduction): RequestInit {
  const text = base64url(utf8(JSON.stringify(introduction)));
  if (text.length > MAX_INTRODUCTION_CHARS) throw new Error('a socket is introduced with at most 48 KiB');
  return { headers: { Upgrade: 'websocket', [HEADER]: text } };
}

export function introductionOf(request: Request): Introduction | null {
  const bytes = fromBase64url(request.headers.get(HEADER) ?? '');
  const text = bytes && fromUtf8(bytes);
  return text ? (JSON.parse(text) as Introduction) : null;
}

/** What an object keeps on a socket through hibernation. Tags and note live in the actor's rows. */
interface Attachment {
  readonly id: string;
  /** When its last frame came, ms. */
  readonly heardAt: number;
}

/** The open sockets of one object, by id. */
export class Sockets {
  readonly #ctx: DurableObjectState;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  accept(id: string, now: number): WebSocket {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server, [id]);
    this.heard(server, id, now);
    return client;
  }

  idOf(socket: WebSocket): string {
    return (socket.deserializeAttachment() as Attachment).id;
  }

  heard(socket: WebSocket, id: string, now: number): void {
    socket.serializeAttachment({ id, heardAt: now } satisfies Attachment);
  }

  /** When each open socket was last heard: its last frame or automatic keep-alive, ms. */
  live(): ReadonlyMap<string, number> {
    const open = this.#ctx.getWebSockets().filter((socket) => socket.readyState === WebSocket.OPEN);
    return new Map(
      open.map((socket) => {
        const { id, heardAt } = socket.deserializeAttachment() as Attachment;
        const kept = this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0;
        return [id, Math.max(heardAt, kept)];
      }),
    );
  }

  /** A frame for a socket that has gone is lost with it. */
  send(id: string, frame: string | Uint8Array): void {
    this.#find(id)?.send(frame);
  }

  close(id: string, code: number, reason: string): void {
    this.#find(id)?.close(code, reason);
  }

  /** Codes 1005, 1006 and 1015 are never sent (RFC 6455 §7.4.1). */
  answerClose(socket: WebSocket, code: number): void {
    socket.close([1005, 1006, 1015].includes(code) ? 1000 : code);
  }

  #find(id: string): WebSocket | undefined {
    return this.#ctx.getWebSockets(id).find((socket) => socket.readyState === WebSocket.OPEN);
  }
}
