import { base64url } from '../../../src/bytes/base64url.ts';
import { hex } from '../../../src/bytes/hex.ts';
import { utf8 } from '../../../src/bytes/utf8.ts';
import type { Simulator } from '../../../src/hosts/simulator/simulator.ts';
import type { CallFrame, Party, Verb } from '../../../src/protocol/call.ts';
import type { Handset } from '../calls/handset.ts';

const words = (text: string): string => base64url(utf8(text));

/** The group's side of a device: joins when its call becomes a group, makes keys for each epoch, acknowledges those of others. */
export class Member {
  readonly handset: Handset;
  /** Highest epoch that was prepared here. */
  #epoch = 0;
  readonly #simulator: Simulator;
  readonly #opened = new Set<number>();

  constructor(simulator: Simulator, handset: Handset) {
    this.#simulator = simulator;
    this.handset = handset;
    handset.answersAnybody = true;
    handset.onFrame = (frame) => this.#heard(frame);
  }

  get party(): Party {
    return this.handset.party;
  }

  /** The call that it talks in. */
  get call(): string | null {
    return Object.values(this.handset.client.calls).find(({ phase }) => phase === 'active')?.id ?? null;
  }

  add(call: string, to: string): void {
    const found = this.handset.lookups.get(to);
    if (!found) return;
    const legs = found.devices.map(({ device, capability }) => ({
      device,
      capability,
      message: this.#message(),
      body: words(`to ${device}`),
    }));
    this.handset.say({ verb: 'found', call, attempt: 0, join: words('join'), admit: words('admit') });
    this.handset.say({ verb: 'add', call, attempt: 0, to, set: found.set, legs, admit: words('admit') });
  }

  remove(call: string, { account, device }: Party): void {
    this.handset.say({ verb: 'remove', call, attempt: 0, account, device, proof: words('remove') });
  }

  leave(call: string): void {
    this.handset.say({ verb: 'leave', call, attempt: 0, proof: words('leave') });
  }

  join(call: string): void {
    this.handset.say({ verb: 'join', call, attempt: 0, proof: words('join') });
  }

  /** What one does who missed something: the log again, keys again, fresh keys for all. */
  catchUp(call: string, what: 'proofs' | 'keys-again' | 'rekey'): void {
    const common = { call, attempt: 0 };
    if (what === 'proofs') this.handset.say({ verb: what, ...common, after: 0 });
    if (what === 'keys-again') this.handset.say({ verb: what, ...common, epoch: this.#epoch, from: [1, 2, 3, 4] });
    if (what === 'rekey') this.handset.say({ verb: what, ...common });
  }

  /** For an epoch that is, was, or never will be. */
  keys(call: string, epoch: number): void {
    this.handset.say({ verb: 'keys', call, attempt: 0, epoch, message: this.#message(), body: words('keys') });
  }

  acknowledge(call: string, epoch: number, from: readonly number[]): void {
    this.handset.say({ verb: 'keys-ack', call, attempt: 0, epoch, from: [...from] } satisfies Verb);
  }

  #heard(frame: CallFrame): void {
    if (frame.type === 'proof' || frame.type === 'dropped') this.join(frame.call);
    if (frame.type === 'prepare' && frame.epoch > this.#epoch) {
      this.#epoch = frame.epoch;
      this.#opened.clear();
      this.keys(frame.call, frame.epoch);
    }
    if (frame.type === 'keys-wanted') this.keys(frame.call, frame.epoch);
    if (frame.type === 'keys' && frame.epoch === this.#epoch) {
      this.#opened.add(frame.from);
      this.acknowledge(frame.call, frame.epoch, [...this.#opened]);
    }
  }

  #message(): string {
    return hex(this.#simulator.dice.bytes(16));
  }
}
