import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, UsageError } from '../command.ts';
import { readOptions } from '../support/options.ts';
import { table } from '../support/table.ts';
import { judgeFile } from '../vectors/judge.ts';
import { readVectorFile } from '../vectors/vector.ts';

interface Family {
  readonly right: number;
  readonly wrong: readonly { readonly id: string; readonly expected: string; readonly got: string }[];
}

/** Judges a folder of vectors, each at its own time and under its family's policy. */
export const attestVerifyVectors: Command = {
  name: 'attest verify-vectors',
  usage: 'DIR [--json]',
  about: 'judge a folder of attestation vectors, each at its own time, and compare',
  async run(args, output) {
    const { values, positionals } = readOptions(args, { json: { type: 'boolean', default: false } });
    const [folder] = positionals;
    if (folder === undefined || !existsSync(folder)) throw new UsageError('a folder of vectors is needed');
    const report: Record<string, Family> = {};
    const unknown: string[] = [];
    for (const name of readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .sort()) {
      const file = readVectorFile(join(folder, name));
      const judged = await judgeFile(file);
      if (judged === null) unknown.push(name);
      else report[file.family] = summary(judged);
    }
    if (values.json) output.line(JSON.stringify(report, null, 2));
    else for (const line of lines(report)) output.line(line);
    for (const name of unknown) output.error(`${name}: a family that nothing here judges`);
    const wrong = Object.values(report).some((family) => family.wrong.length > 0);
    return wrong || unknown.length > 0 ? 1 : 0;
  },
};

function summary(judged: readonly { id: string; right: boolean; expected: string; got: string }[]): Family {
  const wrong = judged.filter(({ right }) => !right);
  return {
    right: judged.length - wrong.length,
    wrong: wrong.map(({ id, expected, got }) => ({ id, expected, got })),
  };
}

function lines(report: Readonly<Record<string, Family>>): readonly string[] {
  const rows = Object.entries(report).flatMap(([family, { right, wrong }]) => [
    [family, `${right} right`, `${wrong.length} wrong`],
    ...wrong.map(({ id, expected, got }) => ['', id, `expected ${expected}, got ${got}`]),
  ]);
  return table(rows);
}
