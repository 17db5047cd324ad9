import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { anchorRecords, intermediateRecords } from '../../src/attestation/trust/anchors/index.ts';
import type { Command } from '../command.ts';
import { anchorState, storeProblems } from '../support/anchors.ts';
import { vectorFolder } from '../support/files.ts';
import { readOptions, readTime } from '../support/options.ts';
import { judgeFile } from '../vectors/judge.ts';
import { readVectorFile } from '../vectors/vector.ts';

/** Each record reads, is what it says, is in date or knowingly not; and how many vectors end at it. */
export const trustVerify: Command = {
  name: 'trust verify',
  usage: '[--at TIME] [--vectors DIR] [--json]',
  about: 'check the anchors that ship: readable, unchanged, in date, validating vectors',
  async run(args, output) {
    const { values } = readOptions(args, {
      at: { type: 'string' },
      vectors: { type: 'string', default: vectorFolder },
      json: { type: 'boolean', default: false },
    });
    const now = readTime(values.at, Date.now());
    const problems = storeProblems(now);
    const alarms = anchorRecords.filter((record) => anchorState(record, now) === 'alarm').map(({ id }) => id);
    const validated = existsSync(values.vectors) ? await countValidated(values.vectors) : null;
    if (values.json) output.line(JSON.stringify({ problems, alarms, validated }, null, 2));
    else {
      for (const problem of problems) output.line(`FAIL  ${problem}`);
      for (const id of alarms) output.line(`alarm ${id} ends within a year`);
      if (validated === null) output.line(`no vectors at ${values.vectors}: none was validated`);
      else for (const [id, count] of Object.entries(validated)) output.line(`ok    ${id} validates ${count} vectors`);
      const of = `${anchorRecords.length} anchors and ${intermediateRecords.length} intermediates`;
      output.line(`\n${of}: ${problems.length} problems, ${alarms.length} alarms`);
    }
    return problems.length === 0 ? 0 : 1;
  },
};

async function countValidated(folder: string): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.json') && file !== 'trust-anchors.json')) {
    for (const { anchor } of (await judgeFile(readVectorFile(join(folder, name)))) ?? []) {
      if (anchor !== null) counts[anchor] = (counts[anchor] ?? 0) + 1;
    }
  }
  return counts;
}
