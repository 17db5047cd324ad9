import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { commands } from '../../cli/commands.ts';

const root = new URL('../../', import.meta.url);
const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root })];
const textOf = (name: string) => readFileSync(new URL(name, root), 'utf8').replaceAll(/\s+/g, ' ');
const names = commands.map(({ name }) => name);
const isCommand = (words: string) => names.some((name) => `${words} `.startsWith(`${name} `));

test('every command that a page runs is there', () => {
  const run = pages.flatMap((page) =>
    [...textOf(page).matchAll(/(?:npm run callsign -- |`callsign )([a-z][a-z -]*)/g)].map(([, words = '']) => [
      page,
      words,
    ]),
  );
  expect(run.length).toBeGreaterThan(15);
  expect(run.filter(([, words = '']) => !isCommand(words))).toEqual([]);
});

test('every command stands on a page', () => {
  const spans = pages.flatMap((page) =>
    [...textOf(page).matchAll(/(?:-- |`)([a-z][a-z\\| -]*)/g)].map(([, one = '']) => one),
  );
  /** `rejudge release\|discard` is both. */
  const named = spans.flatMap((span) => {
    const [noun = '', verbs = ''] = span.split(' ');
    return [span, ...verbs.split('\\|').map((verb) => `${noun} ${verb}`)];
  });
  expect(names.filter((name) => !named.some((words) => `${words} `.startsWith(`${name} `)))).toEqual([]);
});
