import type { Command } from '../command.ts';
import { readOptions } from '../support/options.ts';
import { operator } from '../support/server.ts';
import { table } from '../support/table.ts';

interface Row {
  readonly device: string;
  readonly account: string | null;
  readonly status: string;
  readonly certificates: number;
  readonly notAfter: number | null;
}
interface Page {
  readonly devices: readonly Row[];
  readonly next: string | null;
}

/** Devices by the index; every page is a look that the audit names. */
export const deviceList: Command = {
  name: 'device list',
  usage: '[--account ACCOUNT] [--device DEVICE] [--status active|revoked|removed] [--json]',
  about: 'devices that hold or held certificates',
  async run(args, output) {
    const { values } = readOptions(args, {
      account: { type: 'string' },
      device: { type: 'string' },
      status: { type: 'string' },
      json: { type: 'boolean', default: false },
    });
    const server = operator();
    const given = (['account', 'device', 'status'] as const).flatMap((name) =>
      values[name] === undefined ? [] : [[name, values[name]] as [string, string]],
    );
    const rows: Row[] = [];
    for (let after: string | null = ''; after !== null;) {
      const query: URLSearchParams = new URLSearchParams([...given, ['after', after]]);
      const page = (await (await server.get(`/v1/admin/devices?${query}`)).json()) as Page;
      rows.push(...page.devices);
      after = page.next;
    }
    if (values.json) {
      output.line(JSON.stringify(rows));
      return 0;
    }
    const head = ['device', 'account', 'status', 'certificates', 'newest ends'];
    for (const line of table([head, ...rows.map(cells)])) output.line(line);
    return 0;
  },
};

function cells({ device, account, status, certificates, notAfter }: Row): string[] {
  const end = notAfter === null ? '-' : new Date(notAfter).toISOString();
  return [device, account ?? '-', status, String(certificates), end];
}
