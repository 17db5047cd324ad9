import { Simulator } from '../../src/hosts/simulator/simulator.ts';
import { STORM } from '../../src/hosts/simulator/weather.ts';
import type { Scenario } from './scenario.ts';

export interface Failure {
  readonly seed: number;
  readonly broken: readonly string[];
}

export interface Report {
  readonly scenario: string;
  readonly runs: number;
  readonly failures: readonly Failure[];
  readonly seconds: number;
  readonly secondsPerThousandRuns: number;
}

function simulatorOf(scenario: Scenario, planted: string | null): Simulator {
  const fault = planted === null ? {} : scenario.planted[planted];
  if (!fault)
    throw new RangeError(
      `${scenario.name} knows no fault ${planted}; it knows: ${Object.keys(scenario.planted).join(', ')}`,
    );
  return new Simulator({ ...scenario.options, ...fault });
}

/** Seeds `seed` .. `seed + runs - 1`; stops after so many failures. */
export async function simulate(
  scenario: Scenario,
  runs: number,
  seed: number,
  planted: string | null,
  mostFailures = 10,
): Promise<Report> {
  const simulator = simulatorOf(scenario, planted);
  const failures: Failure[] = [];
  const started = performance.now();
  let done = 0;
  while (done < runs && failures.length < mostFailures) {
    simulator.reset(seed + done, STORM);
    const broken = await scenario.run(simulator);
    if (broken.length > 0) failures.push({ seed: seed + done, broken });
    done++;
  }
  const seconds = (performance.now() - started) / 1_000;
  return { scenario: scenario.name, runs: done, failures, seconds, secondsPerThousandRuns: (seconds / done) * 1_000 };
}

/** The same run again with everything that happened, a line each. */
export async function replay(
  scenario: Scenario,
  seed: number,
  planted: string | null,
): Promise<{ broken: readonly string[]; trace: string[] }> {
  const simulator = simulatorOf(scenario, planted);
  const trace: string[] = [];
  simulator.reset(seed, STORM);
  simulator.trace = (at, actor, what) =>
    trace.push(`${(at / 1_000).toFixed(3).padStart(9)} s  ${actor.padEnd(12)} ${what}`);
  return { broken: await scenario.run(simulator), trace };
}
