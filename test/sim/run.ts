/** npm run sim -- [--runs N] [--seed S] [--scenario NAME] [--planted FAULT] [--replay] [--json] */
import { parseArgs } from 'node:util';
import { callsScenario } from './calls-scenario.ts';
import { portScenario } from './port-scenario.ts';
import { replay, simulate } from './simulate.ts';

const scenarios = { [portScenario.name]: portScenario, [callsScenario.name]: callsScenario };

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    scenario: { type: 'string', default: 'port' },
    planted: { type: 'string' },
    replay: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const scenario = scenarios[values.scenario];
const [runs, seed] = [Number(values.runs), Number(values.seed)];
if (!scenario || !Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(seed) || seed < 0) {
  console.error(
    `usage: npm run sim -- [--runs N] [--seed S] [--scenario ${Object.keys(scenarios).join('|')}] [--planted FAULT] [--replay] [--json]`,
  );
  process.exit(2);
}
const planted = values.planted ?? null;

async function tell(failing: number): Promise<void> {
  const { broken, trace } = await replay(scenario!, failing, planted);
  console.log(`\nseed ${failing}, everything that happened:\n${trace.join('\n')}\n`);
  for (const line of broken) console.log(`broken: ${line}`);
}

if (values.replay) await tell(seed);
else {
  const report = await simulate(scenario, runs, seed, planted);
  if (values.json) console.log(JSON.stringify(report));
  else {
    console.log(
      `${report.scenario}: ${report.runs} runs from seed ${seed} in ${report.seconds.toFixed(1)} s (${report.secondsPerThousandRuns.toFixed(2)} s per thousand runs), ${report.failures.length} failed`,
    );
    const first = report.failures[0];
    if (first) {
      await tell(first.seed);
      console.log(
        `again: npm run sim -- --scenario ${report.scenario} --seed ${first.seed} --replay${planted === null ? '' : ` --planted ${planted}`}`,
      );
    }
  }
  process.exitCode = report.failures.length > 0 ? 1 : 0;
}
