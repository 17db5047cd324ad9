import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { PROBLEMS, type ProblemSlug, REASONS, TOKEN_REASONS } from '../../src/protocol/problem.ts';

const page = readFileSync(new URL('../../docs/problems.md', import.meta.url), 'utf8');
const sections = new Map(page.split(/^## /m).map((text) => [text.slice(0, text.indexOf('\n')), text]));
const slugs = Object.keys(PROBLEMS) as ProblemSlug[];
const named = (text: string) => new Set([...text.matchAll(/`([a-z0-9-]+)`/g)].map(([, word]) => word));

it.each(slugs)('docs/problems.md has %s with its status and every reason', (slug) => {
  const section = sections.get(slug) ?? '';
  expect(section).toContain(`${PROBLEMS[slug].status}`);
  const words = named(section);
  expect([...REASONS[slug]].filter((reason) => !words.has(reason))).toEqual([]);
});

it('every reason of the token endpoint is on the page', () => {
  const words = named(page);
  expect(TOKEN_REASONS.filter((reason) => !words.has(reason))).toEqual([]);
});

it('every list item that is one reason is one that the server says', () => {
  for (const slug of slugs) {
    const items = [...(sections.get(slug) ?? '').matchAll(/^\* `([a-z0-9-]+)`(?=:|$)/gm)].map(([, word]) => word);
    expect(items.filter((word) => ![...REASONS[slug]].some((reason) => reason === word))).toEqual([]);
  }
});
