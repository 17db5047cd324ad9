/** Writes docs/who-can-enroll.md from src/attestation/policy/roads.ts; `--check` only compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { isOpen, roads } from '../src/attestation/policy/roads.ts';
import { policies } from '../src/attestation/policy/shipped.ts';

const FILE = new URL('../docs/who-can-enroll.md', import.meta.url);

const names = ['development', 'consumer', 'standard', 'strict'] as const;

export function document(): string {
  const rows = roads.map((road) => [
    road.device,
    `\`${road.evidence}\``,
    `\`${road.format}\``,
    road.hardware,
    road.binding,
    ...names.map((name) => (isOpen(road, policies[name]) ? 'yes' : 'no')),
    road.note,
  ]);
  const head = ['device', 'evidence', 'format', 'attested key in', 'identity key', ...names, 'note'];
  return [
    '# Who can enroll',
    '',
    'Made from `src/attestation/policy/roads.ts` by `node tools/who-can-enroll.ts`. *Attested key in* is the best case; what one',
    'device proved is in its verdict. *Identity key* says whether the key in the certificate is the attested key itself',
    '(`key-attested`) or an ordinary key that the attested one spoke for (`vouched`). `GET /v1/deployment` tells a client',
    'the formats that its deployment takes.',
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
