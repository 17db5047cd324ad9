/** Writes docs/who-can-enroll.md from src/attestation/policy/roads.ts; `--check` only compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Policy } from '../src/attestation/policy/policy.ts';
import { isOpen, openRoads, type Road, roads } from '../src/attestation/policy/roads.ts';
import { policies } from '../src/attestation/policy/shipped.ts';

const FILE = new URL('../docs/who-can-enroll.md', import.meta.url);

const names = ['development', 'consumer', 'standard', 'strict'] as const;

function answer(road: Road, policy: Policy): string {
  if (!isOpen(road, policy)) return 'no';
  return openRoads(policy).includes(road) ? 'yes' : 'named apps';
}

export function document(): string {
  const rows = roads.map((road) => [
    road.device,
    `\`${road.evidence}\``,
    `\`${road.format}\``,
    road.hardware,
    road.binding,
    ...names.map((name) => answer(road, policies[name])),
    road.note,
  ]);
  const head = ['device', 'evidence', 'format', 'attested key in', 'identity key', ...names, 'note'];
  return [
    '# Who can enroll',
    '',
    'Made from `src/attestation/policy/roads.ts` by `node tools/who-can-enroll.ts`. *Attested key in* is the best case; what one',
    'device proved is in its verdict. *Identity key* says whether the key in the certificate is the attested key itself',
    '(`key-attested`) or an ordinary key that the attested one spoke for (`vouched`). *named apps*: a deployment names its own',
    'applications in `POLICY` ([policy](policy.md)); no policy that ships can, so until then these phones cannot enroll.',
    '`GET /v1/deployment` tells a client the roads that its deployment has open.',
    '',
    ...markdown([head, ...rows]),
    '',
  ].join('\n');
}

function markdown(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [line(rows[0]!), line(widths.map((width) => '-'.repeat(width))), ...rows.slice(1).map(line)];
}

if (import.meta.main) {
  const text = document();
  if (!process.argv.includes('--check')) writeFileSync(FILE, text);
  else if (readFileSync(FILE, 'utf8') !== text) {
    process.stderr.write('docs/who-can-enroll.md is not what tools/who-can-enroll.ts makes of the table\n');
    process.exitCode = 1;
  }
}
