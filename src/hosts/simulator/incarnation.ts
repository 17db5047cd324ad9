import { WatchedMemory } from './watched-memory.ts';
import type { Address } from '../../actors/port.ts';
import type { SimulatedSocket } from './socket.ts';

/** One life of an actor in memory: what a crash ends. The simulator owns every field. */
export class Incarnation {
  readonly self: Address;
  readonly sockets = new Map<string, SimulatedSocket>();
  readonly memory = new WatchedMemory();
  /** Rejects when this life ends; whoever waits for an answer of it waits for this too. */
  readonly death: Promise<never>;
  alive = true;
  disarm: () => void = () => undefined;
  readonly #end: (error: Error) => void;

  constructor(self: Address) {
    this.self = self;
    const { promise, reject } = Promise.withResolvers<never>();
    this.death = promise;
    this.#end = reject;
    promise.catch(() => undefined);
  }

  end(): void {
    this.alive = false;
    this.disarm();
    this.#end(new Error('the process died'));
  }
}
