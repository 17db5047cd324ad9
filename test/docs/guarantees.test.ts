import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Page } from './page.ts';

const rows = new Page('docs/threat-model.md').rows.flatMap(([first = '', name = '', file = '']) => {
  const guarantee = /^\**(G\d+)\b/.exec(first)?.[1];
  return guarantee ? [{ guarantee, name, file: file.replaceAll('`', '') }] : [];
});

test('every guarantee of the README has tests on the page, and no other', () => {
  const promised = new Page('README.md').text.match(/^\* \*\*G\d+\*\*/gm) ?? [];
  expect(new Set(rows.map(({ guarantee }) => guarantee))).toEqual(new Set(promised.map((text) => text.slice(4, -2))));
  expect(promised).toHaveLength(11);
});

test.each(rows)('$guarantee: $name', ({ name, file }) => {
  const source = existsSync(file) ? readFileSync(file, 'utf8') : '';
  expect(
    source
      .split('\n')
      .filter((line) => !line.trimStart().startsWith('//'))
      .join('\n'),
  ).toContain(name);
});
