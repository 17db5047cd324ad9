import type { ClientConfig, SocketLike } from '../../src/sdk/config.ts';

/** What a bad network does beside cutting connections; calm until `rough` is set. */
export interface Sky {
  rough: boolean;
  readonly random: () => number;
  /** Frames that came twice, frames and requests that came late, answers that were cut off. */
  doubled: number;
  delayed: number;
  cutOff: number;
}

const DOUBLED = 0.05;
const DELAYED = 0.12;
const CUT_OFF = 0.02;
const LONGEST_DELAY_MS = 700;

export function skyOf(random: () => number): Sky {
  return { rough: false, random, doubled: 0, delayed: 0, cutOff: 0 };
}

/** Now or later, but never before what was said earlier. */
class Way {
  readonly #sky: Sky;
  readonly #carry: (message: unknown) => void;
  #waiting: Promise<void> | null = null;

  constructor(sky: Sky, carry: (message: unknown) => void) {
    this.#sky = sky;
    this.#carry = carry;
  }

  send(message: unknown): void {
    const { rough, random } = this.#sky;
    const twice = rough && random() < DOUBLED;
    if (twice) this.#sky.doubled++;
    const carry = () => {
      this.#carry(message);
      if (twice) this.#carry(message);
    };
    const late = rough && random() < DELAYED ? random() * LONGEST_DELAY_MS : 0;
    if (late === 0 && this.#waiting === null) return carry();
    if (late > 0) this.#sky.delayed++;
    const waiting = (this.#waiting ?? Promise.resolve()).then(() => pause(late)).then(carry);
    this.#waiting = waiting;
    void waiting.then(() => {
      if (this.#waiting === waiting) this.#waiting = null;
    });
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A socket of that network: frames come late or twice, in their order; a drop is seen here at once and by the server later. */
export class RoughSocket implements SocketLike {
  readonly #socket: WebSocket;
  readonly #up: Way;
  readonly #down: Way;
  readonly #listeners = new Map<string, ((event: Event) => void)[]>();
  #dropped = false;

  constructor(url: string, protocols: string[], sky: Sky) {
    this.#socket = new WebSocket(url, protocols);
    this.#up = new Way(sky, (data) => {
      if (!this.#dropped && this.#socket.readyState === WebSocket.OPEN) this.#socket.send(data as string);
    });
    this.#down = new Way(sky, (event) => this.#tell('message', event as Event));
    this.#socket.addEventListener('open', (event) => this.#tell('open', event));
    this.#socket.addEventListener('error', (event) => this.#tell('error', event));
    this.#socket.addEventListener('message', (event) => this.#down.send(event));
    this.#socket.addEventListener('close', ({ code }) => this.#closed(code));
  }

  get binaryType(): string {
    return this.#socket.binaryType;
  }

  set binaryType(type: string) {
    this.#socket.binaryType = type as BinaryType;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (!this.#dropped) this.#up.send(typeof data === 'string' ? data : data.slice());
  }

  close(code?: number, reason?: string): void {
    if (!this.#dropped) this.#socket.close(code, reason);
  }

  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: (event: never) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener as (event: Event) => void]);
  }

  drop(afterMs: number): void {
    if (this.#dropped) return;
    this.#closed(1006);
    setTimeout(() => this.#socket.close(), afterMs);
  }

  #tell(type: string, event: Event): void {
    if (!this.#dropped) for (const listener of this.#listeners.get(type) ?? []) listener(event);
  }

  #closed(code: number): void {
    if (this.#dropped) return;
    this.#dropped = true;
    for (const listener of this.#listeners.get('close') ?? []) listener({ code } as unknown as Event);
  }
}

/** Requests of that network: late, or with an answer that never comes although they were heard. */
export function roughFetch(fetcher: ClientConfig['fetch'], sky: Sky): ClientConfig['fetch'] {
  return async (url, init) => {
    const { rough, random } = sky;
    if (rough && random() < DELAYED) {
      sky.delayed++;
      await pause(random() * LONGEST_DELAY_MS);
    }
    const response = await fetcher(url, init);
    if (!rough || random() >= CUT_OFF) return response;
    sky.cutOff++;
    await response.body?.cancel();
    throw new TypeError('the answer was cut off');
  };
}
