/**
 * npm run sim -- [--runs N] [--seed S] [--scenario NAME] [--json]: so many runs of every scenario, or of one.
 * npm run sim -- --scenario NAME [--seed S] [--replay] [--planted FAULT]: one run with everything that happened; with a fault.
 */
import { parseArgs } from 'node:util';
import { callsScenario } from './calls-scenario.ts';
import { groupsScenario } from './groups-scenario.ts';
import { portScenario } from './port-scenario.ts';
import type { Scenario } from './scenario.ts';
import { replay, simulate } from './simulate.ts';

const ALL = 'all';
const scenarios: readonly Scenario[] = [portScenario, callsScenario, groupsScenario];

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    scenario: { type: 'string', default: ALL },
    planted: { type: 'string' },
    replay: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const chosen = scenarios.filter(({ name }) => values.scenario === ALL || values.scenario === name);
const [runs, seed] = [Number(values.runs), Number(values.seed)];
const ofOne = values.replay || values.planted !== undefined;
if (
  chosen.length === 0 ||
  (ofOne && chosen.length > 1) ||
  !Number.isSafeInteger(runs) ||
  runs < 1 ||
  !Number.isSafeInteger(seed) ||
  seed < 0
) {
  const names = scenarios.map(({ name }) => name).join('|');
  console.error(
    `usage: npm run sim -- [--runs N] [--seed S] [--scenario ${ALL}|${names}] [--json]\n` +
      `       npm run sim -- --scenario ${names} [--runs N] [--seed S] [--planted FAULT] [--replay] [--json]`,
  );
  process.exit(2);
}
const planted = values.planted ?? null;

async function tell(scenario: Scenario, failing: number): Promise<void> {
  const { broken, trace } = await replay(scenario, failing, planted);
  console.log(`\nseed ${failing}, everything that happened:\n${trace.join('\n')}\n`);
  for (const line of broken) console.log(`broken: ${line}`);
}

/** With --json one object a line, a line for each scenario. */
async function tellOf(scenario: Scenario): Promise<void> {
  const report = await simulate(scenario, runs, seed, planted);
  if (report.failures.length > 0) process.exitCode = 1;
  if (values.json) return console.log(JSON.stringify(report));
  console.log(
    `${report.scenario}: ${report.runs} runs from seed ${seed} in ${report.seconds.toFixed(1)} s (${report.secondsPerThousandRuns.toFixed(2)} s per thousand runs), ${report.failures.length} failed`,
  );
  const first = report.failures[0];
  if (!first) return;
  await tell(scenario, first.seed);
  console.log(
    `again: npm run sim -- --scenario ${report.scenario} --seed ${first.seed} --replay${planted === null ? '' : ` --planted ${planted}`}`,
  );
}

for (const scenario of chosen) {
  if (values.replay) await tell(scenario, seed);
  else await tellOf(scenario);
}
