/** Somebody who carries invitations: one message per device of a callee, each acknowledged by its device. */
export interface Ringer {
  readonly name: string;
  /** Sends one to each of `devices` devices of one callee. Resolves when the last of them has it. */
  ring(devices: number): Promise<void>;
  stop(): Promise<void>;
}

/** Callees per number of devices; invitations are spread over them. */
export const CALLEES: Readonly<Record<number, number>> = { 1: 1, 3: 24, 5: 1 };

/** What is sealed to one device, as text: about what an invitation with its certificates takes. */
export const BODY = 'A'.repeat(1_500);

/** Resolves when all of `devices` have said so. */
export class Awaited {
  readonly #waiting = new Map<string, { left: number; done: () => void }>();

  expect(id: string, devices: number): Promise<void> {
    return new Promise((done) => this.#waiting.set(id, { left: devices, done }));
  }

  came(id: string): void {
    const one = this.#waiting.get(id);
    if (!one || --one.left > 0) return;
    this.#waiting.delete(id);
    one.done();
  }
}
