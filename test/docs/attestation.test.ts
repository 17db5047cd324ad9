import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const section = read('docs/attestation.md').split('## What each attack meets')[1]!.split('\n## ')[0]!;
const rows = section
  .split('\n')
  .map((line) => /^\| (.+?) +\| .+? +\| `([^`]+)`: (.+?) +\|$/.exec(line))
  .flatMap((found) => (found ? [[found[1]!, found[2]!, found[3]!] as const] : []));

test('the page lists attacks', () => expect(rows.length).toBeGreaterThan(30));

test.each(rows)('%s: the test that the page names is there', (_, file, name) => {
  expect(read(file)).toContain(name);
});
