import type { Simulator } from '../../src/hosts/simulator/simulator.ts';
import type { SimulatorOptions } from '../../src/hosts/simulator/simulator.ts';

/** A story the simulator tells again and again with other dice: it acts under a storm, then calms down, then judges. */
export interface Scenario {
  readonly name: string;
  readonly options: SimulatorOptions;
  /** Faults that can be put in on purpose, by name: a run with one must fail. */
  readonly planted: Readonly<Record<string, Partial<SimulatorOptions>>>;
  /** One run. What it returns are the promises that were broken; none is what is hoped for. */
  run(simulator: Simulator): Promise<readonly string[]>;
}
