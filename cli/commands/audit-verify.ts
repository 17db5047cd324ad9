import type { Command } from '../command.ts';
import { Audit } from '../support/audit.ts';
import { readOptions } from '../support/options.ts';
import { eventsAfter, operator } from '../support/server.ts';

/** The whole feed read once; 1 when a chain is broken. */
export const auditVerify: Command = {
  name: 'audit verify',
  usage: '[--json]',
  about: 'read the whole feed and compute every actor’s hash chain again',
  async run(args, output) {
    const { values } = readOptions(args, { json: { type: 'boolean', default: false } });
    const server = operator();
    const audit = new Audit();
    for (let cursor = 0; ;) {
      const lines = await eventsAfter(server, cursor, undefined);
      for (const line of lines) audit.add(line);
      const last = lines.at(-1);
      if (!last) break;
      cursor = last.cursor;
    }
    const { rows, chains, unchained, broken } = audit;
    if (values.json) output.line(JSON.stringify({ rows, chains, unchained, broken }));
    else {
      for (const { id, what } of broken) output.line(`broken  ${id}  ${what}`);
      output.line(`${rows} events, ${chains} chains, ${unchained} in no chain, ${broken.length} broken`);
    }
    return broken.length === 0 ? 0 : 1;
  },
};
