import { expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';

test('a deployment that cannot be composed fails with the sentence that says why, and not with another error', async () => {
  const app = createApp(() => Promise.reject(new Error('DB is not bound.')));
  await expect(async () => app.fetch(new Request('http://127.0.0.1/healthz'))).rejects.toThrow('DB is not bound.');
});
