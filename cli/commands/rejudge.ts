import { type Command, type Output, UsageError } from '../command.ts';
import { readOptions } from '../support/options.ts';
import { operator } from '../support/server.ts';
import { table } from '../support/table.ts';

interface Run {
  readonly id: string;
  readonly kind: string;
  readonly version: string;
  readonly state: string;
  readonly startedAt: number;
  readonly judged: number;
  readonly unclear: number;
}
interface Shown {
  readonly run: Run;
  readonly findings: readonly { device: string; account: string; reason: string; state: string }[];
}

export const rejudgeList: Command = {
  name: 'rejudge list',
  usage: '[--json]',
  about: 'runs that judge again what was accepted, and those that wait for an operator',
  async run(args, output) {
    const { values } = readOptions(args, { json: { type: 'boolean', default: false } });
    const { runs } = (await (await operator().get('/v1/admin/runs')).json()) as { runs: readonly Run[] };
    if (values.json) output.line(JSON.stringify(runs));
    else show(runs, output);
    return 0;
  },
};

function show(runs: readonly Run[], output: Output): void {
  const head = ['run', 'state', 'since', 'judged', 'unclear'];
  const rows = runs.map(({ id, state, startedAt, judged, unclear }) => {
    return [id, state, new Date(startedAt).toISOString(), String(judged), String(unclear)];
  });
  for (const line of table([head, ...rows])) output.line(line);
}

/** `show` asks what a run found; the others decide about one that the brake holds. */
function decide(decision: 'show' | 'release' | 'narrow' | 'discard', about: string): Command {
  const narrow = decision === 'narrow';
  return {
    name: `rejudge ${decision}`,
    usage: `RUN ${narrow ? 'DEVICE... ' : ''}${decision === 'show' ? '[--reason WORDS]' : '--reason WORDS'} [--json]`,
    about,
    async run(args, output) {
      const { values, positionals } = readOptions(args, {
        reason: { type: 'string', ...(decision === 'show' && { default: 'looked at' }) },
        json: { type: 'boolean', default: false },
      });
      const [run, ...devices] = positionals;
      if (!run || !values.reason) throw new UsageError('a run and a reason are needed');
      if (narrow !== devices.length > 0)
        throw new UsageError(narrow ? 'name the devices that stay' : 'one run is needed');
      const answer = await operator().post('/v1/admin/runs', { run, decision, devices, reason: values.reason });
      const shown = (await answer.json()) as Shown;
      if (values.json) output.line(JSON.stringify(shown));
      else {
        show([shown.run], output);
        output.line('');
        const rows = shown.findings.map(({ device, account, reason, state }) => [device, account, reason, state]);
        for (const line of table([['device', 'account', 'reason', 'state'], ...rows])) output.line(line);
      }
      return 0;
    },
  };
}

export const rejudgeDecisions: readonly Command[] = [
  decide('show', 'what a run found'),
  decide('release', 'a held run revokes all that it found'),
  decide('narrow', 'these devices stay; whether the rest is too much is judged again'),
  decide('discard', 'all that a held run found stays'),
];
