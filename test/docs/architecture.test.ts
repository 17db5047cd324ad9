import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { law, type Room } from '../../tools/law.ts';
import { Page } from './page.ts';

const page = new Page('docs/architecture.md');

function row(name: string, { rooms, packages, pure }: Room): string {
  return [`\`${name}\``, rooms.join(', ') || '-', packages.join(', ') || '-', pure ? 'yes' : 'no'].join(' | ');
}

const told = new Set(page.rows.map((cells) => cells.join(' | ')));

test.each(Object.entries(law))('the page says what %s may import', (name, room) => {
  expect(told).toContain(row(name, room));
});

test('the page names every room that there is', () => {
  const folders = readdirSync(new URL('../../src', import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  expect(folders.filter((name) => !page.names(name))).toEqual([]);
});
