import { PONG } from '../../protocol/keep-alive.ts';
import type { Timeline } from './timeline.ts';

/** A client's end of a socket. Frames arrive in order, each after its delay; a cut loses what is still on its way. */
export class SimulatedSocket {
  readonly id: string;
  readonly frames: (string | Uint8Array)[] = [];
  readonly closed: Promise<{ readonly code: number }>;
  /** Told of every frame as it arrives; set by the client. */
  onFrame: (frame: string | Uint8Array) => void = () => undefined;
  heardAt: number;
  open = true;
  /** The network swallows whatever goes either way, and tells nobody. */
  silent = false;
  readonly #timeline: Timeline;
  readonly #delay: () => number;
  readonly #told: (close: { code: number }) => void;
  #down = 0;
  #up = 0;

  constructor(id: string, timeline: Timeline, delay: () => number) {
    this.id = id;
    this.#timeline = timeline;
    this.#delay = delay;
    this.heardAt = timeline.now;
    const { promise, resolve } = Promise.withResolvers<{ readonly code: number }>();
    this.closed = promise;
    this.#told = resolve;
  }

  /** From the actor to the client. */
  down(frame: string | Uint8Array): void {
    this.#down = Math.max(this.#down, this.#timeline.now + this.#delay());
    this.#timeline.plan(this.#down, () => {
      if (!this.open || this.silent) return;
      this.frames.push(frame);
      this.onFrame(frame);
    });
  }

  /** As every host answers it: without a turn. */
  keepAlive(): void {
    this.up(() => this.down(PONG));
  }

  /** From the client to the actor: `arrive` runs there when the frame gets through. */
  up(arrive: () => void): void {
    this.#up = Math.max(this.#up, this.#timeline.now + this.#delay());
    this.#timeline.plan(this.#up, () => {
      if (!this.open || this.silent) return;
      this.heardAt = this.#timeline.now;
      arrive();
    });
  }

  /** An orderly end: frames sent before it still arrive. */
  finish(code: number): void {
    this.#down = Math.max(this.#down, this.#timeline.now + this.#delay());
    this.#timeline.plan(this.#down, () => this.vanish(code));
  }

  /** From the other end: nothing is heard of it through a network that is silent. */
  vanish(code: number): void {
    if (!this.silent) this.cut(code);
  }

  cut(code: number): void {
    if (!this.open) return;
    this.open = false;
    this.#told({ code });
  }
}
