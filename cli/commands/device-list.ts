import type { Command } from '../command.ts';
import { type DeviceRow, SEARCH_USAGE, searched } from '../support/search.ts';
import { table, time } from '../support/table.ts';

export const deviceList: Command = {
  name: 'device list',
  usage: SEARCH_USAGE,
  about: 'devices that hold or held certificates',
  async run(args, output) {
    const { rows, asJson } = await searched(args, 'devices');
    const head = ['device', 'account', 'status', 'certificates', 'newest ends'];
    if (asJson) output.line(JSON.stringify(rows));
    else for (const line of table([head, ...rows.map(cells)])) output.line(line);
    return 0;
  },
};

function cells({ device, account, status, certificates, notAfter }: DeviceRow): string[] {
  return [device, account ?? '-', status, String(certificates), time(notAfter)];
}
