import type { Evidence, Expected } from '../../src/attestation/format.ts';
import type { Verdict } from '../../src/attestation/verdict.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { type Command, UsageError } from '../command.ts';
import { loadPolicy, loadTrust, readJson } from '../support/files.ts';
import { readOptions, readTime } from '../support/options.ts';
import { verdictLines } from '../support/verdict.ts';
import { evidenceOf } from '../vectors/evidence.ts';
import { namingApplications } from '../vectors/policy.ts';
import type { Vector, VectorFile } from '../vectors/vector.ts';

interface Named {
  readonly id: string;
  readonly vector: Vector;
  readonly evidence: Evidence;
  readonly expected: Expected;
}

/** Judges evidence offline: a file of vectors, or one vector. */
export const attestVerify: Command = {
  name: 'attest verify',
  usage: 'FILE [--id ID] [--at TIME] [--policy NAME|FILE] [--status-list FILE] [--mds FILE] [--json]',
  about: 'judge evidence in a file and show every check',
  async run(args, output) {
    const { values, positionals } = readOptions(args, {
      id: { type: 'string' },
      at: { type: 'string' },
      policy: { type: 'string', default: 'standard' },
      'status-list': { type: 'string' },
      mds: { type: 'string' },
      json: { type: 'boolean', default: false },
    });
    const [path] = positionals;
    if (path === undefined) throw new UsageError('a file with evidence is needed');
    const at = values.at === undefined ? undefined : readTime(values.at, 0);
    const asked = readAsked(readJson(path), at).filter(({ id }) => values.id === undefined || id === values.id);
    if (asked.length === 0) throw new UsageError(`${path}: no evidence that a verdict can be given on`);
    const policy = loadPolicy(values.policy);
    const verdicts: { id: string; verdict: Verdict }[] = [];
    for (const { id, vector, evidence, expected } of asked) {
      const trust = await loadTrust({ statusList: values['status-list'], metadata: values.mds, now: expected.now });
      verdicts.push({
        id,
        verdict: await verifyEvidence(evidence, expected, trust, namingApplications(policy, vector)),
      });
    }
    if (values.json) output.line(JSON.stringify(verdicts.length === 1 ? verdicts[0]!.verdict : verdicts, null, 2));
    else for (const { id, verdict } of verdicts) show(id, verdict, output);
    return verdicts.every(({ verdict }) => verdict.decision === 'accept') ? 0 : 1;
  },
};

function show(id: string, verdict: Verdict, output: { line(text: string): void }): void {
  output.line(`${id}\n`);
  for (const line of verdictLines(verdict)) output.line(`  ${line}`);
  output.line('');
}

function readAsked(document: unknown, at: number | undefined): readonly Named[] {
  const file = document as Partial<VectorFile> & Partial<Vector>;
  const vectors = file.vectors ?? (file.input === undefined ? [] : [file as Vector]);
  return vectors.flatMap((vector) => {
    const asked = evidenceOf(vector, at);
    return asked === null ? [] : [{ id: vector.id, vector, ...asked }];
  });
}
