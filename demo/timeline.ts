/** What happened, step by step, as a person or a machine reads it. */
export interface Step {
  readonly step: string;
  readonly device: string;
  /** Since the step before, ms. */
  readonly ms: number;
  readonly detail: string;
}

export class Timeline {
  readonly steps: Step[] = [];
  readonly guarantees: { readonly id: string; readonly shown: string }[] = [];
  readonly #say: (line: string) => void;
  #last = performance.now();

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  add(step: string, device: string, detail: string): void {
    const now = performance.now();
    const ms = Math.round((now - this.#last) * 10) / 10;
    this.#last = now;
    this.steps.push({ step, device, ms, detail });
    this.#say(`${step.padEnd(20)} ${device.padEnd(14)} ${ms.toFixed(1).padStart(8)} ms  ${detail}`);
  }

  shows(id: string, shown: string): void {
    this.guarantees.push({ id, shown });
    this.#say(`${id.padEnd(20)} ${shown}`);
  }

  heading(text: string): void {
    this.#say(`\n${text}`);
  }
}
