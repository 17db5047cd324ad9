import { type Command, UsageError } from '../command.ts';
import { readOptions } from '../support/options.ts';
import { operator } from '../support/server.ts';
import { table } from '../support/table.ts';

/** The policy that a server judges by, field by field; `--json` is a document that `policy try` takes. */
export const policyShow: Command = {
  name: 'policy show',
  usage: '[--json]',
  about: 'the policy in force at the server',
  async run(args, output) {
    const { values, positionals } = readOptions(args, { json: { type: 'boolean', default: false } });
    if (positionals.length > 0) throw new UsageError('the policy in force is one, and has no name here');
    const policy = (await (await operator().get('/v1/admin/policy')).json()) as object;
    if (values.json) output.line(JSON.stringify(policy, null, 2));
    else for (const line of table(fields(policy, ''))) output.line(line);
    return 0;
  },
};

/** A row per leaf, named by its path; a list is one row. */
function fields(value: object, path: string): readonly (readonly [string, string])[] {
  return Object.entries(value).flatMap(([name, member]: [string, unknown]) => {
    const here = `${path}${name}`;
    const section = typeof member === 'object' && member !== null && !Array.isArray(member);
    return section ? fields(member, `${here}.`) : [[here, written(member)]];
  });
}

function written(value: unknown): string {
  if (value === null) return 'none';
  if (Array.isArray(value)) return value.map(written).join(', ') || 'nothing';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
