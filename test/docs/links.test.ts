import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (name: string) => readFileSync(join(root, name), 'utf8');
const pages = globSync(['*.md', 'docs/**/*.md'], { cwd: root });
const sources = globSync(
  ['{src,cli,tools,demo,bench,test}/**/*.ts', 'test/independent/*.mjs', 'wrangler.toml', 'docs/**/*.md'],
  { cwd: root },
);

/** As GitHub makes them: lower case, without punctuation, spaces to hyphens. */
function anchors(page: string): Set<string> {
  const headings = [...page.matchAll(/^#+ (.*)$/gm)].map(([, text = '']) => text);
  return new Set(
    headings.map((text) =>
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

function broken(page: string): string[] {
  const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [path = '', anchor] = link.split('#');
      const file = path === '' ? page : normalize(join(dirname(page), path));
      return !existsSync(join(root, file)) || (anchor !== undefined && !anchors(read(file)).has(anchor));
    })
    .map((link) => `${page}: ${link}`);
}

test('every link between pages leads somewhere', () => {
  expect(pages.length).toBeGreaterThan(10);
  expect(pages.flatMap(broken)).toEqual([]);
});

test('every page that the code names is there', () => {
  const named = sources.flatMap((name) =>
    [...read(name).matchAll(/docs\/[\w/.-]+\.(?:md|asn1)/g)].map(([path]) => `${name}: ${path}`),
  );
  expect(named.filter((one) => !existsSync(join(root, one.split(': ')[1] ?? '')))).toEqual([]);
});
