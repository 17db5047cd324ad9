import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { builtInTrust } from '../../src/attestation/trust/load.ts';
import type { Verdict } from '../../src/attestation/verdict.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { MOST_DEVICES, MOST_SHARE } from '../../src/jobs/rejudge.ts';
import { type Command, type Output, UsageError } from '../command.ts';
import { loadPolicy, vectorFolder } from '../support/files.ts';
import { readOptions } from '../support/options.ts';
import { operator } from '../support/server.ts';
import { table } from '../support/table.ts';
import { evidenceOf } from '../vectors/evidence.ts';
import { namingApplications } from '../vectors/policy.ts';
import { readVectorFile } from '../vectors/vector.ts';

/** What a policy would decide otherwise than the one in force: on evidence in files, or by a server on the evidence that it keeps. */
export const policyTry: Command = {
  name: 'policy try',
  usage: 'FILE [--server | --against NAME|FILE --evidence DIR] [--json]',
  about:
    'check a policy document and show which evidence it judges otherwise; --server: whom it would refuse and revoke',
  async run(args, output) {
    const { values, positionals } = readOptions(args, {
      against: { type: 'string', default: 'standard' },
      evidence: { type: 'string', default: vectorFolder },
      server: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    });
    const [path] = positionals;
    if (path === undefined) throw new UsageError('a policy document is needed');
    const candidate = loadPolicy(path);
    if (values.server) return tryAtServer(candidate, values.json, output);
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

interface Part {
  readonly policy: string;
  readonly against: string;
  readonly judged: number;
  readonly turned: readonly { device: string; account: string; reason: string; revoked: boolean }[];
  readonly next: string | null;
}

async function tryAtServer(policy: Policy, asJson: boolean, output: Output): Promise<number> {
  const server = operator();
  const parts: Part[] = [];
  for (let after: string | null | undefined; after !== null;) {
    const asked: object = after === undefined ? { policy } : { policy, after };
    const part = (await (await server.post('/v1/admin/policy-trials', asked)).json()) as Part;
    parts.push(part);
    after = part.next;
  }
  const turned = parts.flatMap((part) => part.turned);
  const judged = parts.reduce((sum, part) => sum + part.judged, 0);
  const revoked = turned.filter((one) => one.revoked);
  const { policy: tried, against } = parts[0]!;
  if (asJson) {
    output.line(
      JSON.stringify({ policy: tried, against, judged, refused: turned.length, revoked: revoked.length, turned }),
    );
    return 0;
  }
  output.line(`${tried} against ${against}: ${judged} judged, ${turned.length} refused, ${revoked.length} revoked`);
  if (revoked.length > Math.max(MOST_DEVICES, judged * MOST_SHARE)) output.line('the brake would hold its run');
  output.line('');
  const rows = turned.map(({ device, account, reason, revoked: goes }) => [
    device,
    account,
    reason,
    goes ? 'revoked' : 'stays',
  ]);
  for (const line of table(rows)) output.line(line);
  return 0;
}
