import { UsageError } from '../command.ts';
import { readOptions } from './options.ts';
import { operator } from './server.ts';

export interface DeviceRow {
  readonly device: string;
  readonly account: string | null;
  readonly status: string;
  readonly certificates: number;
  readonly notAfter: number | null;
}
export interface CertificateRow {
  readonly serial: string;
  readonly account: string | null;
  readonly device: string;
  readonly status: string;
  readonly notAfter: number;
  readonly evidence: string;
  readonly reason: string | null;
}
interface Index {
  readonly devices: DeviceRow;
  readonly certificates: CertificateRow;
}
type Page<Name extends keyof Index> = Readonly<Record<Name, readonly Index[Name][]>> & { readonly next: string | null };

const NARROWING = ['account', 'device', 'serial', 'evidence', 'status'] as const;
const STATUSES = ['active', 'revoked', 'removed'];

export const SEARCH_USAGE =
  '[--account ACCOUNT] [--device DEVICE] [--serial SERIAL] [--evidence HASH] [--status active|revoked|removed] [--json]';

/** All pages of a look into the index, narrowed by all that the options say; the audit names each page. */
export async function searched<Name extends keyof Index>(
  args: readonly string[],
  name: Name,
): Promise<{ readonly rows: readonly Index[Name][]; readonly asJson: boolean }> {
  const { values, positionals } = readOptions(args, {
    account: { type: 'string' },
    device: { type: 'string' },
    serial: { type: 'string' },
    evidence: { type: 'string' },
    status: { type: 'string' },
    json: { type: 'boolean', default: false },
  });
  if (positionals.length > 0) throw new UsageError(`${positionals[0]}: say by an option what narrows the list`);
  if (values.status !== undefined && !STATUSES.includes(values.status))
    throw new UsageError(`--status must be ${STATUSES.join(', ')}`);
  const given = NARROWING.flatMap((one) => (values[one] === undefined ? [] : [[one, values[one]]]));
  const server = operator();
  const rows: Index[Name][] = [];
  for (let after: string | null = ''; after !== null;) {
    const query: URLSearchParams = new URLSearchParams([...given, ['after', after]]);
    const page = (await (await server.get(`/v1/admin/${name}?${query}`)).json()) as Page<Name>;
    rows.push(...page[name]);
    after = page.next;
  }
  return { rows, asJson: values.json };
}
