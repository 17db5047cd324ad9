import { type Command, UsageError } from '../command.ts';
import { readOptions } from '../support/options.ts';
import { operator } from '../support/server.ts';
import { table, time } from '../support/table.ts';

interface Counters {
  readonly at: number;
  readonly certificates: Readonly<Record<'accounts' | 'devices' | 'inForce' | 'ended' | 'revoked' | 'removed', number>>;
  readonly issuers: readonly {
    readonly issuer: string;
    readonly notAfter: number;
    readonly revocationList: { readonly number: number; readonly nextUpdate: number } | null;
  }[];
}

/** How much there is, and when each issuing CA and its revocation list end. */
export const counters: Command = {
  name: 'counters',
  usage: '[--json]',
  about: 'accounts, devices and certificates counted; issuing CAs and revocation lists with their ends',
  async run(args, output) {
    const { values, positionals } = readOptions(args, { json: { type: 'boolean', default: false } });
    if (positionals.length > 0) throw new UsageError('everything is counted at once');
    const text = await (await operator().get('/v1/admin/counters')).text();
    if (values.json) output.line(text);
    else for (const line of told(JSON.parse(text) as Counters)) output.line(line);
    return 0;
  },
};

function told({ at, certificates, issuers }: Counters): readonly string[] {
  const counted = [
    ['counted', time(at)],
    ['accounts', String(certificates.accounts)],
    ['devices', String(certificates.devices)],
    ['certificates in force', String(certificates.inForce)],
    ['ended', String(certificates.ended)],
    ['revoked', String(certificates.revoked)],
    ['removed', String(certificates.removed)],
  ];
  const rows = issuers.map(({ issuer, notAfter, revocationList: list }) => [
    issuer,
    time(notAfter),
    list === null ? '-' : String(list.number),
    time(list?.nextUpdate ?? null),
  ]);
  return [...table(counted), '', ...table([['issuing CA', 'ends', 'revocation list', 'next due'], ...rows])];
}
