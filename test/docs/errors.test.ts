import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const page = readFileSync('docs/sdk.md', 'utf8');
const section = page.slice(page.indexOf('## Errors'), page.indexOf('## What the program prints'));
const rows = [...section.matchAll(/^\| (.+) \|$/gm)].map(([, row]) => row!.split(' | '));
const words = (cell: string): string[] => [...cell.matchAll(/`([a-z-]+)`/g)].map(([, word]) => word!);

/** What the SDK's sources throw: `code/reason` as written there. */
const thrown = readdirSync('src/sdk', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .flatMap((name) => readFileSync(join('src/sdk', name), 'utf8'))
  .join('\n');

describe('the errors of the SDK', () => {
  it('have the codes that the page lists, and no others', () => {
    const declared = /export type ErrorCode =([\s\S]+?)\n\nexport class/.exec(
      readFileSync('src/sdk/errors.ts', 'utf8'),
    )![1]!;
    const codes = [...declared.matchAll(/^\s*\| '([a-z]+)'/gm)].map(([, code]) => code!);
    const listed = rows.filter((row) => row.length === 2).flatMap(([code]) => words(code!));
    expect(listed.toSorted()).toEqual(codes.toSorted());
  });

  const reasons = rows
    .filter((row) => row.length === 3 && row[0] !== 'reason')
    .flatMap(([names, code]) => words(names!).map((name) => [name, words(code!)[0]!] as const));

  it('are a table of reasons, each with a code', () => {
    expect(reasons.length).toBeGreaterThan(15);
  });

  it('has every reason that is written out where it is thrown', () => {
    const written = [...thrown.matchAll(/new CallsignError\(\s*'([a-z]+)',\s*'([^']+)'/g)].map(
      ([, code, reason]) => `${code}/${reason}`,
    );
    expect(written.length).toBeGreaterThan(40);
    const listed = new Set(reasons.map(([reason, code]) => `${code}/${reason}`));
    expect([...new Set(written)].filter((one) => one !== 'aborted/aborted' && !listed.has(one))).toEqual([]);
  });

  it.each(reasons)('%s is thrown as %s', (reason, code) => {
    const lines = thrown
      .split('new CallsignError(')
      .filter((rest) => rest.trimStart().startsWith(`'${code}'`) || rest.includes(`'${code}'`));
    expect(lines.some((rest) => rest.slice(0, 200).includes(`'${reason}'`))).toBe(true);
  });
});
