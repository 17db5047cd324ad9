import { setTimeout } from 'node:timers/promises';
import { type Command, UsageError } from '../command.ts';
import { readOptions } from '../support/options.ts';
import { eventsAfter, type Line, operator } from '../support/server.ts';

const POLL_MS = 2_000;

/** The feed, oldest first; `--follow` goes on until it is interrupted. */
export const events: Command = {
  name: 'events',
  usage: '[--after CURSOR] [--types TYPE,TYPE] [--follow] [--json]',
  about: 'the operator’s feed',
  async run(args, output) {
    const { values } = readOptions(args, {
      after: { type: 'string', default: '0' },
      types: { type: 'string' },
      follow: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    });
    if (!/^\d{1,15}$/.test(values.after)) throw new UsageError('a cursor is a number that an earlier line showed');
    const server = operator();
    for (let cursor = Number(values.after); ;) {
      const lines = await eventsAfter(server, cursor, values.types);
      for (const line of lines) output.line(values.json ? JSON.stringify(line) : written(line));
      cursor = lines.at(-1)?.cursor ?? cursor;
      if (lines.length > 0) continue;
      if (!values.follow) return 0;
      await setTimeout(POLL_MS);
    }
  },
};

function written({ cursor, at, severity, type, subject, reason }: Line): string {
  return [String(cursor), new Date(at).toISOString(), severity, type, subject, reason ?? ''].join('  ').trimEnd();
}
