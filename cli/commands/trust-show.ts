import { type Command, type Output, UsageError } from '../command.ts';
import { readOptions } from '../support/options.ts';
import { operator } from '../support/server.ts';
import { table, time } from '../support/table.ts';

interface Trust {
  readonly anchors: readonly {
    readonly id: string;
    readonly class: string;
    readonly formats: readonly string[];
    readonly vendor: string;
    readonly notAfter: number;
  }[];
  readonly lists: {
    readonly metadata: { readonly number: number; readonly fetchedAt: number; readonly nextUpdate: number } | null;
    readonly androidStatus: { readonly fetchedAt: number } | null;
  };
}

const HOUR_MS = 3_600_000;

/** What a server trusts now: its lists with their age by this machine's clock, then its anchors. `trust list` shows what ships. */
export const trustShow: Command = {
  name: 'trust show',
  usage: '[--json]',
  about: 'lists in force at the server, how old they are, and its anchors',
  async run(args, output) {
    const { values, positionals } = readOptions(args, { json: { type: 'boolean', default: false } });
    if (positionals.length > 0) throw new UsageError('the server’s trust is shown whole');
    const text = await (await operator().get('/v1/admin/trust')).text();
    if (values.json) output.line(text);
    else show(JSON.parse(text) as Trust, Date.now(), output);
    return 0;
  },
};

function show({ anchors, lists: { metadata, androidStatus } }: Trust, now: number, output: Output): void {
  const none = ['none in force', '-', '-', '-'];
  const seen = (at: number) => [time(at), `${Math.floor((now - at) / HOUR_MS)} h`];
  const lists = [
    ['list', 'number', 'fetched', 'age', 'next due'],
    ['mds', ...(metadata ? [String(metadata.number), ...seen(metadata.fetchedAt), time(metadata.nextUpdate)] : none)],
    ['android-status', ...(androidStatus ? ['-', ...seen(androidStatus.fetchedAt), '-'] : none)],
  ];
  for (const line of table(lists)) output.line(line);
  output.line('');
  const rows = anchors.map((one) => [one.id, one.class, one.formats.join(',') || '-', time(one.notAfter), one.vendor]);
  for (const line of table([['anchor', 'class', 'formats', 'ends', 'vendor'], ...rows])) output.line(line);
}
