import { type Command, UsageError } from '../command.ts';
import { readOptions } from '../support/options.ts';
import { operator } from '../support/server.ts';
import { table } from '../support/table.ts';

interface Explained {
  readonly why: string;
  readonly milestones: readonly { readonly type: string; readonly at: number; readonly reason: string | null }[];
  readonly pushes: readonly {
    readonly device: string;
    readonly type: string;
    readonly at: number;
    readonly reason: string | null;
  }[];
  readonly live: {
    readonly state: string;
    readonly refusal: string | null;
    readonly legs: readonly { readonly device: string; readonly state: string; readonly reached: boolean }[];
  } | null;
}

/** What stopped a call on its way to the devices of its callee. */
export const callWhy: Command = {
  name: 'call why',
  usage: 'CALL [--json]',
  about: 'why a call rang, or did not: its milestones, and each device while the call is kept (24 h)',
  async run(args, output) {
    const { values, positionals } = readOptions(args, { json: { type: 'boolean', default: false } });
    const [call, ...more] = positionals;
    if (!call || more.length > 0) throw new UsageError('one call id is needed');
    const text = await (await operator().get(`/v1/admin/calls/${call}`)).text();
    const explained = JSON.parse(text) as Explained;
    if (values.json) output.line(text);
    else for (const line of told(explained)) output.line(line);
    return 0;
  },
};

function told({ why, milestones, pushes, live }: Explained): string[] {
  const steps = milestones.map(({ at, type, reason }) => [new Date(at).toISOString(), type, reason ?? '']);
  const sent = pushes.map(({ at, device, type, reason }) => [new Date(at).toISOString(), device, type, reason ?? '']);
  const legs = (live?.legs ?? []).map(({ device, state, reached }) => [
    device,
    state,
    reached ? 'reached' : 'not reached',
  ]);
  return [
    why,
    ...table([['when', 'what', 'reason'], ...steps]),
    ...(live ? [`now: ${live.state}${live.refusal === null ? '' : `, refused: ${live.refusal}`}`] : []),
    ...(legs.length > 0 ? table([['device', 'leg', 'invitation'], ...legs]) : []),
    ...(sent.length > 0 ? table([['when', 'device', 'push', 'reason'], ...sent]) : []),
  ];
}
