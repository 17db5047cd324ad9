import { globSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { TYP } from '../../src/protocol/identity.ts';
import { Page } from './page.ts';

const root = new URL('../../', import.meta.url);
const register = new Page('docs/protocol.md');
const http = new Page('docs/protocol/http.md');

test('every page of the protocol is in the index', () => {
  const pages = readdirSync(new URL('docs/protocol', root)).filter((name) => name.endsWith('.md'));
  expect(pages.filter((name) => !register.text.includes(`(protocol/${name})`))).toEqual([]);
});

test('every typ is in the register of signatures', () => {
  expect(Object.values(TYP).filter((typ) => !register.text.includes(`\`${typ}\``))).toEqual([]);
});

test('every label is in the register', () => {
  const files = globSync('src/**/*.ts', { cwd: root, exclude: (name) => name.endsWith('.test.ts') });
  const text = files.map((name) => readFileSync(new URL(name, root), 'utf8')).join('\n');
  // `callsign/sdk/…` are entry points of the package.
  const labels = new Set(
    [...text.matchAll(/['"`](callsign\/(?!sdk)[a-z0-9/ -]+(?:\\0)?)/g)].map(([, label = '']) => label),
  );
  expect(labels.size).toBeGreaterThan(30);
  expect([...labels].filter((label) => !register.text.includes(`\`${label}\``))).toEqual([]);
});

/** What the app serves, as the page writes it. */
const served = createApp(() => Promise.reject(new Error('not called')))
  .routes.filter(({ method }) => method !== 'ALL')
  .map(({ method, path }) => `${method} ${path}`);
const listed = http.rows.map(([first = '']) => /^`([A-Z]+ \/.*)`$/.exec(first)?.[1]).filter((one) => one !== undefined);

test('every resource is listed, and nothing that is not served', () => {
  expect([...new Set(served)].toSorted()).toEqual(listed.toSorted());
});
