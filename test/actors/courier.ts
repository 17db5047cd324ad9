import type { Simulator } from '../../src/hosts/simulator/simulator.ts';
import type { SimulatedSocket } from '../../src/hosts/simulator/socket.ts';
import type { Phone } from './people.ts';

type Frame = {
  type: string;
  seq?: number;
  topic?: string;
  body?: { type: string; [name: string]: unknown };
  [name: string]: unknown;
};

/** A courier connection that keeps what it hears and acknowledges as it goes. */
export class Courier {
  static hellos = 0;
  readonly frames: Frame[] = [];
  readonly socket: SimulatedSocket;
  readonly #simulator: Simulator;
  readonly #phone: Phone;
  #requests = 0;

  constructor(simulator: Simulator, phone: Phone) {
    this.#simulator = simulator;
    this.#phone = phone;
    const hello = {
      do: 'courier',
      account: phone.account,
      device: phone.device,
      key: phone.key,
      pushTokenHash: 'push',
      box: null,
      lastSeq: 0,
      nextNonce: 'n',
      nonce: { id: String(++Courier.hellos), until: Number.MAX_SAFE_INTEGER },
    };
    this.socket = simulator.connect({ kind: 'device', name: phone.device }, ['courier'], hello);
    this.socket.onFrame = (frame) => {
      const parsed = JSON.parse(String(frame)) as Frame;
      this.frames.push(parsed);
      if (parsed.type === 'deliver') this.send({ type: 'ack', upTo: parsed.seq });
    };
  }

  send(frame: object): void {
    this.#simulator.send({ kind: 'device', name: this.#phone.device }, this.socket, JSON.stringify(frame));
  }

  say(verb: object): void {
    this.send({ type: 'call', request: `r${++this.#requests}`, verb });
  }

  /** Bodies of call frames in the order they came. */
  get heard(): string[] {
    return this.frames
      .filter((frame) => frame.type === 'deliver' && frame.topic === 'call')
      .map((frame) => frame.body?.type ?? '');
  }

  get replies(): unknown[] {
    return this.frames.filter((frame) => frame.type === 'reply').map((frame) => frame['reply']);
  }

  body(type: string): Frame['body'] {
    return this.frames.find((frame) => frame.body?.type === type)?.body;
  }
}
