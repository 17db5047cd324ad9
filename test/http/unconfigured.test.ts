import { DrizzleQueryError } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';

test('a deployment that cannot be composed fails with the sentence that says why, and not with another error', async () => {
  const app = createApp(() => Promise.reject(new Error('DB is not bound.')));
  await expect(async () => app.fetch(new Request('http://127.0.0.1/healthz'))).rejects.toThrow('DB is not bound.');
});

test('a query that failed is told as unknown, with what failed in the log and nothing that was bound to it', async () => {
  const lines: object[] = [];
  const failed = new DrizzleQueryError('insert …', ['secret-of-a-user'], new Error('D1_ERROR: too busy'));
  const services = {
    deployment: { origin: 'http://127.0.0.1', allowedOrigins: [] },
    now: () => 1,
    random: (bytes: number) => new Uint8Array(bytes),
    log: (line: object) => void lines.push(line),
    ready: () => Promise.reject(failed),
  };
  const response = await createApp(() => services as never).fetch(new Request('http://127.0.0.1/readyz'));
  expect(response.status).toBe(503);
  expect(response.headers.get('Retry-After')).toBe('1');
  expect(await response.json()).toMatchObject({ reason: 'unavailable' });
  expect(JSON.stringify(lines)).toContain('too busy');
  expect(JSON.stringify(lines)).not.toContain('secret-of-a-user');
});
