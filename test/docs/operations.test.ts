import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Page } from './page.ts';

const page = new Page('docs/operations.md');
const root = new URL('../../', import.meta.url);

function source(pattern: string): string {
  const files = globSync(pattern, { cwd: root, exclude: (name) => name.endsWith('.test.ts') });
  return files.map((name) => readFileSync(new URL(name, root), 'utf8')).join('\n');
}

function found(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, name = '']) => name))];
}

const hosts = source('src/hosts/**/*.ts');
const server = hosts + source('src/{routes,http,jobs,actors,calls,courier,db}/**/*.ts') + source('src/app.ts');
const wrangler = readFileSync(new URL('wrangler.toml', root), 'utf8');

test.each([
  ['variable', found(hosts, /(?:env(?:\['|, ')|text\('|words\(')([A-Z_]{4,})'/g)],
  ['variable of wrangler.toml', found(wrangler, /^([A-Z]+) = /gm)],
  ['secret', found(hosts, /readonly (CALLSIGN_[A-Z]+)\??:/g)],
  ['log event', found(server, /log\(\s*(?:\{\s*event: )?'([a-z.-]+)'/g)],
  ['fault', found(source('src/actors/port.ts').split('interface Fault')[1] ?? '', /'([a-z-]+)'/g)],
  ['event', found(server, /(?:type: |event\()'([a-z]+\.[a-z-]+)'/g)],
  ['mailbox event', found(server, /event: '(mailbox\.[a-z]+)'/g)],
])('every %s of the code is on the page', (_, names) => {
  expect(names.length).toBeGreaterThan(1);
  const missing = names.filter((name) => !page.names(name) && !page.text.includes(`\`${name}\``));
  expect(missing).toEqual([]);
});

test('every binding is on the page', () => {
  const bindings = found(wrangler, /^(?:binding|name) = "([A-Z]+)"/gm);
  expect(bindings.length).toBeGreaterThan(5);
  expect(bindings.filter((name) => !page.text.includes(`\`${name}\``))).toEqual([]);
});
