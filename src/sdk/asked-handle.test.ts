import { expect, it } from 'vitest';
import { readHandle } from '../directory/handle/canonical.ts';
import { askedHandle } from './asked-handle.ts';

it.each([
  'Bob@Example.COM',
  'mail1:bob@example.com',
  'jürgen@bücher.example',
  '+49 30 1234567',
  'tel:+4930123456',
  '+1 (212) 555-0123',
  'corp:subject-1',
  'ext:corp:A:b',
])('%s has the form that the server asserts', (text) => {
  const read = readHandle(text, { kinds: ['phone', 'email', 'external'], issuers: ['corp'] });
  expect(read.ok && read.handle.canonical).toBe(askedHandle(text));
});

it.each(['', 'nothing', '@example.com', '+12', 'a@b', 'bob@example.com:1'])('%j has none', (text) => {
  expect(askedHandle(text)).toBeNull();
});
