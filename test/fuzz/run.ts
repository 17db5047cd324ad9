/** `npm run fuzz -- --seconds N --seed S [--only TARGET] [--json]`: each target for its share of the time; exit 0 only without findings. */
import { parseArgs } from 'node:util';
import { Finding, Random, type Target } from './target.ts';
import { evidence } from './targets/evidence.ts';
import { readersTarget } from './targets/readers.ts';
import { signedTarget } from './targets/signed.ts';

export const targets: readonly Target[] = [evidence, readersTarget, signedTarget];

export interface Report {
  readonly target: string;
  readonly seed: number;
  readonly mutations: number;
  readonly seconds: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly findings: readonly string[];
}

/** Findings after which a target gives up. */
const ENOUGH = 10;

export async function fuzz(target: Target, seconds: number, seed: number): Promise<Report> {
  const counts: Record<string, number> = {};
  const findings: string[] = [];
  const started = performance.now();
  let mutations = 0;
  if (await target.prepare()) {
    const random = new Random(seed);
    while (performance.now() - started < seconds * 1000 && findings.length < ENOUGH) {
      mutations++;
      try {
        const word = await target.once(random);
        counts[word] = (counts[word] ?? 0) + 1;
      } catch (error) {
        findings.push(described(error, mutations));
      }
    }
  }
  const took = Math.round((performance.now() - started) / 100) / 10;
  return { target: target.name, seed, mutations, seconds: took, counts, findings };
}

function described(error: unknown, mutation: number): string {
  if (error instanceof Finding) return `mutation ${mutation}: ${error.message}`;
  return `mutation ${mutation}: exception: ${error instanceof Error ? (error.stack ?? error.message) : typeof error}`;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '30' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const chosen = targets.filter(({ name }) => values.only === undefined || name === values.only);
  if (chosen.length === 0) {
    console.error(`no target ${values.only}; there are: ${targets.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  const reports: Report[] = [];
  for (const target of chosen) {
    const report = await fuzz(target, Number(values.seconds) / chosen.length, Number(values.seed));
    reports.push(report);
    if (!values.json) print(report);
  }
  if (values.json) console.log(JSON.stringify(reports, null, 2));
  return reports.every(({ findings, mutations }) => findings.length === 0 && mutations > 0) ? 0 : 1;
}

function print({ target, seed, mutations, seconds, counts, findings }: Report): void {
  console.log(`${target}: ${mutations} mutations in ${seconds} s, seed ${seed}`);
  for (const [word, count] of Object.entries(counts)) console.log(`  ${word}: ${count}`);
  console.log(`  findings: ${findings.length}`);
  for (const finding of findings) console.log(`  ${finding}`);
}

if (import.meta.main) process.exitCode = await main();
