import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Page } from './page.ts';

interface Package {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
  readonly overrides: Readonly<Record<string, string>>;
}

const { dependencies, devDependencies, allowScripts, overrides } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as Package;
const page = new Page('SECURITY.md');
const rows = page.rows.map(([first = '', ...rest]) => [first.replaceAll('`', ''), ...rest] as const);
const listed = rows.filter(([, ...rest]) => rest.length === 3 && rest[0] !== 'version');

test('every dependency is in the table with its version and a reason, and no other', () => {
  const pinned = Object.entries({ ...dependencies, ...devDependencies });
  expect(listed.map(([name, version]) => `${name} ${version}`).toSorted()).toEqual(
    pinned.map(([name, version]) => `${name} ${version}`).toSorted(),
  );
  expect(listed.filter(([, , , why]) => (why ?? '').length < 5)).toEqual([]);
});

test('what ships is told apart from what builds and tests', () => {
  const ships = listed.filter(([, , where]) => where === 'production').map(([name]) => name);
  expect(ships.toSorted()).toEqual(Object.keys(dependencies).toSorted());
});

test('a dependency of production that no source imports is said to be none, and no other', () => {
  const root = new URL('../../', import.meta.url);
  const files = globSync('src/**/*.ts', { cwd: root, exclude: (name) => name.endsWith('.test.ts') });
  const text = files.map((name) => readFileSync(new URL(name, root), 'utf8')).join('\n');
  const imported = (name: string) => new RegExp(`(?:from |import |import\\()'${name}['/]`).test(text);
  const idle = listed.filter(([, , where, why]) => where === 'production' && why?.endsWith('; not imported'));
  expect(idle.map(([name]) => name).toSorted()).toEqual(
    Object.keys(dependencies)
      .filter((name) => !imported(name))
      .toSorted(),
  );
});

test('every version is exact', () => {
  const versions = Object.values({ ...dependencies, ...devDependencies, ...overrides });
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))).toEqual([]);
});

test('every package that may run an install script is listed with why', () => {
  const allowed = Object.keys(allowScripts).filter((name) => allowScripts[name]);
  const told = rows.filter(([name, ...rest]) => rest.length === 1 && name in allowScripts).map(([name]) => name);
  expect(told.toSorted()).toEqual(allowed.toSorted());
});

test('overrides are on the page', () => {
  expect(Object.entries(overrides).filter(([name, version]) => !page.text.includes(`\`${name}\` ${version}`))).toEqual(
    [],
  );
});
