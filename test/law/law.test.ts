import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { law } from '../../tools/law.ts';
import { PATIENCE_MS } from '../support/patience.ts';

/** A house of planted offenses: each must be refused by the linter or the compiler, or the import law is only a habit. */
const folder = mkdtempSync(join(tmpdir(), 'callsign-law-'));
const rooms = Object.entries(law);
const every = rooms.map(([name]) => name);
const foreignPackages = [...new Set(rooms.flatMap(([, room]) => room.packages))];

interface Planted {
  readonly path: string;
  readonly text: string;
  readonly rule: string;
  readonly claim: string;
}

function planted(): Planted[] {
  return rooms.flatMap(([name, room]): Planted[] => {
    const at = (what: string, text: string, rule: string, claim: string) => ({
      path: `src/${name}/planted-${what}.ts`,
      text,
      rule,
      claim,
    });
    const stranger = every.find((other) => other !== name && !room.rooms.includes(other));
    const foreign = foreignPackages.find(
      (one) => !room.packages.some((own) => own === one || own.startsWith(`${one}/`) || one.startsWith(`${own}/`)),
    );
    const offenses = [
      at(
        'platform',
        `import { env } from 'cloudflare:workers';\nexport const planted = env;\n`,
        'no-restricted-imports',
        `${name} may not import the platform`,
      ),
      at(
        'node',
        `import { readFileSync } from 'node:fs';\nexport const planted = readFileSync;\n`,
        'no-restricted-imports',
        `${name} may not import node`,
      ),
      at(
        'host',
        `import { Runner } from '../hosts/runner.ts';\nexport const planted = Runner;\n`,
        'no-restricted-imports',
        `${name} may not import a host`,
      ),
    ];
    if (stranger)
      offenses.push(
        at(
          'room',
          `import { planted as other } from '../${stranger}/other.ts';\nexport const planted = other;\n`,
          'no-restricted-imports',
          `${name} may not import ${stranger}`,
        ),
      );
    if (foreign)
      offenses.push(
        at(
          'package',
          `import * as other from '${foreign}';\nexport const planted = other;\n`,
          'no-restricted-imports',
          `${name} may not import ${foreign}`,
        ),
      );
    if (!room.pure) return offenses;
    return [
      ...offenses,
      at('clock', `export const planted = Date.now();\n`, 'no-restricted-properties', `${name} may not read the clock`),
      at(
        'dice',
        `export const planted = Math.random();\n`,
        'no-restricted-properties',
        `${name} may not draw random numbers`,
      ),
      at(
        'network',
        `export const planted = fetch('https://example.com');\n`,
        'no-restricted-globals',
        `${name} may not use the network`,
      ),
    ];
  });
}

const offenses = planted();
const reported = new Map<string, Set<string>>();

interface Finding {
  readonly filename: string;
  readonly code: string;
}

beforeAll(() => {
  for (const { path, text } of offenses) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  mkdirSync(join(folder, 'src/calls'), { recursive: true });
  writeFileSync(
    join(folder, 'src/calls/cycle-a.ts'),
    `import { b } from './cycle-b.ts';\nexport const a = (): number => b();\n`,
  );
  writeFileSync(
    join(folder, 'src/calls/cycle-b.ts'),
    `import { a } from './cycle-a.ts';\nexport const b = (): number => a();\n`,
  );
  copyFileSync('.oxlintrc.json', join(folder, '.oxlintrc.json'));
  copyFileSync('tsconfig.base.json', join(folder, 'tsconfig.base.json'));
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
  const { stdout } = spawnSync(join(process.cwd(), 'node_modules/.bin/oxlint'), ['--format', 'json'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 2 * PATIENCE_MS,
  });
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: Finding[] };
  for (const { filename, code } of diagnostics)
    reported.set(filename, new Set([...(reported.get(filename) ?? []), code]));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rulesOf = (path: string) => [...(reported.get(path) ?? [])].join(' ');

describe('the import law, by the linter', () => {
  it.each(offenses.map((one) => [one.claim, one] as const))('%s', (_, { path, rule }) => {
    expect(rulesOf(path)).toContain(rule);
  });

  it('cycles are refused', () => {
    expect(`${rulesOf('src/calls/cycle-a.ts')} ${rulesOf('src/calls/cycle-b.ts')}`).toContain('no-cycle');
  });

  it('the committed configuration is the one that the law makes', () => {
    expect(spawnSync(process.execPath, ['tools/lint-config.ts', '--check']).status).toBe(0);
  });
});

describe('the import law, by the compiler', () => {
  const compile = (config: string, text: string): string => {
    const settings = JSON.parse(readFileSync(`tsconfig.${config}.json`, 'utf8')) as object;
    writeFileSync(join(folder, 'offense.ts'), text);
    writeFileSync(join(folder, 'tsconfig.offense.json'), JSON.stringify({ ...settings, include: ['offense.ts'] }));
    return spawnSync(join(process.cwd(), 'node_modules/.bin/tsc'), ['-p', 'tsconfig.offense.json'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 2 * PATIENCE_MS,
    }).stdout;
  };

  it.each([
    ['domain', 'WebCrypto', `export const planted = crypto.subtle;`],
    ['domain', 'the network', `export const planted = fetch('/');`],
    ['domain', 'the console', `console.log(1);\nexport {};`],
    ['domain', 'timers', `setTimeout(() => undefined, 1);\nexport {};`],
    ['domain', 'a D1 database', `export declare const planted: D1Database;`],
    ['domain', 'Node', `export const planted = process.pid;`],
    ['crypto', 'a D1 database', `export declare const planted: D1Database;`],
    ['crypto', 'Durable Objects', `export declare const planted: DurableObjectNamespace;`],
    ['crypto', 'Node', `export const planted = Buffer.from('');`],
    ['server', 'Durable Objects', `export declare const planted: DurableObjectState;`],
    ['server', 'Deno', `export const planted = Deno.serve;`],
    ['sdk', 'Node', `export const planted = process.env;`],
  ])('the %s rooms do not compile with %s', (config, _, text) => {
    expect(compile(config, text)).toMatch(/error TS2\d{3}/);
  });

  it('and compile without: the check is not just broken', () => {
    expect(compile('domain', `export const planted = [1].at(0);`)).toBe('');
    expect(compile('crypto', `export const planted = crypto.subtle;`)).toBe('');
  });
});
