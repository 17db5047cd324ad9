import type { Actors, Address, Answer, Json } from '../../actors/port.ts';
import { report } from './faults.ts';
import { introduce, type Introduction } from './sockets.ts';
import { endpoint, type Endpoint, type Ways } from './ways.ts';

type Closing = Parameters<Actors['turnAway']>[1];

const SOCKET_URL = 'https://actor/socket';

/** The actors as the Worker reaches them. A call that fails is unknown, and is never repeated here: repeating is the caller's decision. */
export class ObjectActors implements Actors {
  readonly #ways: Ways;

  constructor(ways: Ways) {
    this.#ways = ways;
  }

  command(to: Address, key: string, body: Json): Promise<Answer> {
    return this.#reach(to, key, (object) => object.command(key, body));
  }

  hinted(to: Address, queue: string, key: string): Promise<Answer> {
    return this.#reach(to, key, (object) => object.hinted(queue, key));
  }

  async upgrade(to: Address, request: Request, socket: Introduction): Promise<Response> {
    if (request.headers.get('Upgrade')?.toLowerCase() !== 'websocket')
      return new Response(null, { status: 426, headers: { Upgrade: 'websocket', Connection: 'Upgrade' } });
    try {
      return await endpoint(this.#ways, to).fetch(SOCKET_URL, introduce(socket));
    } catch (error) {
      this.#failed(to, 'upgrade', error);
      return new Response(null, { status: 503 });
    }
  }

  turnAway(_: Request, { code, reason, protocol }: Closing): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    server.close(code, reason);
    return new Response(null, { status: 101, webSocket: client, headers: { 'Sec-WebSocket-Protocol': protocol } });
  }

  async #reach(to: Address, key: string, call: (object: Endpoint) => Promise<Answer>): Promise<Answer> {
    try {
      return await call(endpoint(this.#ways, to));
    } catch (error) {
      this.#failed(to, key, error);
      return { ok: false, reason: 'unavailable' };
    }
  }

  #failed(actor: Address, key: string, error: unknown): void {
    report({ type: 'effect-failed', actor, key, error: error instanceof Error ? error.message : 'unknown' });
  }
}
