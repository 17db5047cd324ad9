import { type Command, UsageError } from '../command.ts';
import { readOptions } from '../support/options.ts';
import { operator } from '../support/server.ts';
import { table } from '../support/table.ts';

interface Hold {
  readonly id: string;
  readonly device: string;
  readonly format: string;
  readonly state: string;
  readonly at: number;
  readonly until: number;
}

export const holdsList: Command = {
  name: 'holds list',
  usage: '[--json]',
  about: 'enrollments that wait for an operator',
  async run(args, output) {
    const { values } = readOptions(args, { json: { type: 'boolean', default: false } });
    const { holds } = (await (await operator().get('/v1/admin/holds')).json()) as { holds: readonly Hold[] };
    const time = (at: number) => new Date(at).toISOString();
    const rows = holds.map(({ id, device, format, state, at, until }) => [
      id,
      device,
      format,
      state,
      time(at),
      time(until),
    ]);
    if (values.json) output.line(JSON.stringify(holds));
    else
      for (const line of table([['hold', 'device', 'format', 'state', 'since', 'until'], ...rows])) output.line(line);
    return 0;
  },
};

function decide(decision: 'approve' | 'deny', about: string): Command {
  return {
    name: `holds ${decision}`,
    usage: 'HOLD --reason WORDS',
    about,
    async run(args, output) {
      const { values, positionals } = readOptions(args, { reason: { type: 'string' } });
      const [hold] = positionals;
      if (!hold || !values.reason) throw new UsageError('a hold and a reason are needed');
      const answer = await operator().post('/v1/admin/holds', { hold, decision, reason: values.reason });
      output.line(`${hold} is ${((await answer.json()) as { state: string }).state}`);
      return 0;
    },
  };
}

export const holdsApprove = decide('approve', 'lets a held enrollment go on');
export const holdsDeny = decide('deny', 'refuses a held enrollment');
