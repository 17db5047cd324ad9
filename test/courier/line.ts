import { base64url } from '../../src/bytes/base64url.ts';
import { hello } from '../../src/identity/proof.ts';
import { COURIER_PROTOCOL, type Hello, type ServerFrame } from '../../src/protocol/courier.ts';
import { PING, PONG } from '../../src/protocol/keep-alive.ts';
import type { Identity } from '../../src/sdk/index.ts';

/** The machine may be very slow; what is awaited comes, or never. */
export const PATIENCE_MS = 120_000;

export async function until<T>(
  look: () => T | null | undefined | false | Promise<T | null | undefined | false>,
): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; ;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`it did not become so within ${PATIENCE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export type Claims = Partial<Hello>;
type Frame<T extends ServerFrame['type']> = Extract<ServerFrame, { type: T }>;

/** A hello of this device, whole but for what `claims` changes. */
export async function helloOf({ chain, device, key, pushToken }: Identity, claims: Claims): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', pushToken);
  const draft = hello(chain, {
    nonce: 'n',
    deployment: '',
    device,
    pushTokenHash: base64url(new Uint8Array(hash)),
    box: null,
    lastSeq: 0,
    iat: Date.now(),
    ...claims,
  });
  return draft.seal(await key.sign(draft.input));
}

/** A courier by hand: what it heard, in order, and the code that it was closed with. */
export class Line {
  readonly frames: ServerFrame[] = [];
  pongs = 0;
  readonly closed: Promise<number>;
  code: number | null = null;
  readonly #socket: WebSocket;

  constructor(url: string, jws: string) {
    this.#socket = new WebSocket(`${url.replace('http', 'ws')}/v1/courier`, [COURIER_PROTOCOL, jws]);
    // First of all a keep-alive: see test/support/socket.ts.
    this.#socket.addEventListener('open', () => this.send(PING));
    this.#socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
      if (data === PONG) this.pongs++;
      else this.frames.push(JSON.parse(data) as ServerFrame);
    });
    this.#socket.addEventListener('error', () => undefined);
    this.closed = new Promise((resolve) =>
      this.#socket.addEventListener('close', ({ code }) => {
        this.code = code;
        resolve(code);
      }),
    );
  }

  send(frame: object | string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(typeof frame === 'string' || frame instanceof Uint8Array ? frame : JSON.stringify(frame));
  }

  all<T extends ServerFrame['type']>(type: T): Frame<T>[] {
    return this.frames.filter((frame): frame is Frame<T> => frame.type === type);
  }

  /** The first of that type. */
  first<T extends ServerFrame['type']>(type: T): Promise<Frame<T>> {
    return until(() => {
      if (this.code !== null && this.all(type).length === 0) throw new Error(`closed with ${this.code}, no ${type}`);
      return this.all(type)[0];
    });
  }

  /** It still answers. */
  async lives(): Promise<void> {
    const before = this.pongs;
    this.send(PING);
    await until(() => this.pongs > before);
  }

  async close(): Promise<void> {
    this.#socket.close(1000);
    await this.closed;
  }
}
