import * as v from 'valibot';
import type { Verdict } from '../../src/attestation/verdict.ts';
import { Hash } from '../../src/protocol/identity.ts';
import { type Command, UsageError } from '../command.ts';
import { readOptions } from '../support/options.ts';
import { operator } from '../support/server.ts';
import { table, time } from '../support/table.ts';
import { verdictLines } from '../support/verdict.ts';

interface Kept {
  readonly hash: string;
  readonly account: string | null;
  readonly device: string;
  readonly at: number;
  readonly keepUntil: number;
  readonly verdict: Verdict;
}

/** The verdict that a device was accepted by, as the server keeps it; the evidence itself stays sealed. */
export const verdictShow: Command = {
  name: 'verdict show',
  usage: 'EVIDENCE [--json]',
  about: 'how evidence was judged, with every check; `certificate list` shows its hash',
  async run(args, output) {
    const { values, positionals } = readOptions(args, { json: { type: 'boolean', default: false } });
    const [hash, ...more] = positionals;
    if (!v.is(Hash, hash) || more.length > 0)
      throw new UsageError('one hash of evidence is needed: 43 characters, as `certificate list` shows it');
    const kept = (await (await operator().get(`/v1/admin/verdicts/${hash}`)).json()) as Kept;
    if (values.json) output.line(JSON.stringify(kept));
    else for (const line of told(kept)) output.line(line);
    return 0;
  },
};

function told({ hash, account, device, at, keepUntil, verdict }: Kept): readonly string[] {
  const head = [
    ['evidence', hash],
    ['device', device],
    ['account', account ?? '-'],
    ['judged', time(at)],
    ['kept until', time(keepUntil)],
  ];
  return [...table(head), '', ...verdictLines(verdict)];
}
