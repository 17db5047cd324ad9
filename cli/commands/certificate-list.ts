import type { Command } from '../command.ts';
import { type CertificateRow, SEARCH_USAGE, searched } from '../support/search.ts';
import { table, time } from '../support/table.ts';

export const certificateList: Command = {
  name: 'certificate list',
  usage: SEARCH_USAGE,
  about: 'certificates that were issued, each with the evidence it stands on',
  async run(args, output) {
    const { rows, asJson } = await searched(args, 'certificates');
    const head = ['serial', 'device', 'account', 'status', 'ends', 'evidence', 'reason'];
    if (asJson) output.line(JSON.stringify(rows));
    else for (const line of table([head, ...rows.map(cells)])) output.line(line);
    return 0;
  },
};

function cells({ serial, device, account, status, notAfter, evidence, reason }: CertificateRow): string[] {
  return [serial, device, account ?? '-', status, time(notAfter), evidence, reason ?? ''];
}
