import { anchorRecords, intermediateRecords } from '../../src/attestation/trust/anchors/index.ts';
import type { Command } from '../command.ts';
import { anchorState } from '../support/anchors.ts';
import { readOptions, readTime } from '../support/options.ts';
import { table } from '../support/table.ts';

/** The anchors that ship, with class, life and provenance. */
export const trustList: Command = {
  name: 'trust list',
  usage: '[--at TIME] [--json]',
  about: 'the anchors that ship: class, formats, end of life, source',
  async run(args, output) {
    const { values } = readOptions(args, { at: { type: 'string' }, json: { type: 'boolean', default: false } });
    const now = readTime(values.at, Date.now());
    if (values.json) {
      output.line(JSON.stringify(anchorRecords.map((record) => ({ ...record, state: anchorState(record, now) }))));
      return 0;
    }
    const rows = anchorRecords.map((record) => [
      record.id,
      record.class,
      record.formats.join(',') || '-',
      record.notAfter,
      anchorState(record, now),
      record.source,
    ]);
    for (const line of table([['anchor', 'class', 'formats', 'ends', 'state', 'source'], ...rows])) output.line(line);
    output.line(`\n${anchorRecords.length} anchors, ${intermediateRecords.length} intermediates`);
    return 0;
  },
};
