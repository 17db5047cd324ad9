/** Benchmarks: `npm run bench -- [--only NAME] [--json]`. Machines are noisy, so what is claimed is a ratio within one run. */
import { parseArgs } from 'node:util';
import { attest } from './attest.ts';
import { commit } from './commit.ts';
import { enroll } from './enroll.ts';
import { group } from './group.ts';
import { lookup } from './lookup.ts';
import { ring } from './ring.ts';
import { srtp } from './srtp.ts';

/** Absolute figures for the record, ratios for claims. Names carry their unit. */
export interface Figures {
  readonly figures: Readonly<Record<string, number>>;
  readonly ratios: Readonly<Record<string, number>>;
}

const benchmarks: Readonly<Record<string, () => Promise<Figures>>> = {
  attest,
  commit,
  enroll,
  group,
  lookup,
  ring,
  srtp,
};
/** Other spellings. */
const ALIASES: Readonly<Record<string, string>> = { enrol: 'enroll' };

const { values } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'boolean', default: false } } });
const only = values.only && (ALIASES[values.only] ?? values.only);
/** Only by name: 33 clients in one process want a machine of their own. */
const APART = 'group';
const chosen = Object.entries(benchmarks).filter(([name]) => (only === undefined ? name !== APART : name === only));
if (chosen.length === 0) {
  console.error(`No benchmark is named ${values.only}; there are: ${Object.keys(benchmarks).join(', ')}.`);
  process.exit(1);
}

const results: Record<string, Figures> = {};
for (const [name, run] of chosen) {
  results[name] = await run();
  if (!values.json) print(name, results[name]);
}
if (values.json) console.log(JSON.stringify(results));

function print(name: string, { figures, ratios }: Figures): void {
  console.log(name);
  for (const [what, n] of Object.entries(figures)) console.log(`  ${what.padEnd(40)} ${n.toFixed(n < 100 ? 2 : 0)}`);
  for (const [what, n] of Object.entries(ratios)) console.log(`  ${what.padEnd(40)} ${n.toFixed(2)} x`);
}
