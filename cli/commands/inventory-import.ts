import { readFileSync, statSync } from 'node:fs';
import { type Command, UsageError } from '../command.ts';
import { readOptions } from '../support/options.ts';
import { operator } from '../support/server.ts';

const LINE = /^(ek|serial|spki|credential)\s+([A-Za-z0-9_-]+)$/;
const AT_ONCE = 1_000;

/** Hardware that policy `inventory` asks for: a kind and a value a line. */
export const inventoryImport: Command = {
  name: 'inventory import',
  usage: 'FILE [--remove]',
  about: 'list hardware, a line each (ek|serial|spki|credential VALUE), or take it off the list',
  async run(args, output) {
    const { values, positionals } = readOptions(args, { remove: { type: 'boolean', default: false } });
    const [file] = positionals;
    if (!file || !statSync(file, { throwIfNoEntry: false })?.isFile()) throw new UsageError('a file is needed');
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'));
    const marks = lines.map((line, i) => {
      const [, kind, value] = LINE.exec(line) ?? [];
      if (!kind) throw new UsageError(`line ${i + 1}: a kind (ek, serial, spki, credential) and a value`);
      return { kind, value };
    });
    for (let at = 0; at < marks.length; at += AT_ONCE) {
      const part = marks.slice(at, at + AT_ONCE);
      const answer = await operator().post('/v1/admin/inventory', values.remove ? { remove: part } : { add: part });
      const { listed } = (await answer.json()) as { listed: number };
      output.line(
        `${at + part.length} of ${marks.length} ${values.remove ? 'taken off' : 'listed'}; ${listed} are listed`,
      );
    }
    return 0;
  },
};
