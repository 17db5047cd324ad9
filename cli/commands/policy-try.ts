import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { builtInTrust } from '../../src/attestation/trust/load.ts';
import type { Verdict } from '../../src/attestation/verdict.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { type Command, UsageError } from '../command.ts';
import { loadPolicy, vectorFolder } from '../support/files.ts';
import { readOptions } from '../support/options.ts';
import { table } from '../support/table.ts';
import { evidenceOf } from '../vectors/evidence.ts';
import { namingApplications } from '../vectors/policy.ts';
import { readVectorFile } from '../vectors/vector.ts';

/** What a policy would decide otherwise than the one in force, on evidence in files; a deployment's own evidence is tried by its server. */
export const policyTry: Command = {
  name: 'policy try',
  usage: 'FILE [--against NAME|FILE] [--evidence DIR] [--json]',
  about: 'check a policy document and show which evidence it judges otherwise',
  async run(args, output) {
    const { values, positionals } = readOptions(args, {
      against: { type: 'string', default: 'standard' },
      evidence: { type: 'string', default: vectorFolder },
      json: { type: 'boolean', default: false },
    });
    const [path] = positionals;
    if (path === undefined) throw new UsageError('a policy document is needed');
    const candidate = loadPolicy(path);
    const current = loadPolicy(values.against);
    const changes = existsSync(values.evidence) ? await tryOn(values.evidence, current, candidate) : [];
    if (values.json) output.line(JSON.stringify({ policy: candidate.version, against: current.version, changes }));
    else {
      output.line(`${candidate.version} against ${current.version}: ${changes.length} decided otherwise\n`);
      for (const line of table(changes.map(({ id, before, after }) => [id, before, '->', after]))) output.line(line);
    }
    return 0;
  },
};

interface Change {
  readonly id: string;
  readonly before: string;
  readonly after: string;
}

async function tryOn(folder: string, current: Policy, candidate: Policy): Promise<readonly Change[]> {
  const trust = builtInTrust();
  const changes: Change[] = [];
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
    for (const vector of readVectorFile(join(folder, name)).vectors) {
      const asked = evidenceOf(vector);
      if (asked === null) continue;
      const judge = async (policy: Policy) =>
        worded(await verifyEvidence(asked.evidence, asked.expected, trust, namingApplications(policy, vector)));
      const [before, after] = [await judge(current), await judge(candidate)];
      if (before !== after) changes.push({ id: vector.id, before, after });
    }
  }
  return changes;
}

function worded({ decision, reason }: Verdict): string {
  return reason === undefined ? decision : `${decision}: ${reason}`;
}
