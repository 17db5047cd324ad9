import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';
import { patience } from './test/support/patience.ts';

/** What only workerd can show: objects and their alarms, hibernation, queues, D1. Files share storage, so names are unique. */
export default defineConfig({
  plugins: [
    cloudflareTest(async () => ({
      wrangler: { configPath: './test/workerd/wrangler.toml' },
      miniflare: { bindings: { MIGRATIONS: await readD1Migrations('./migrations') } },
    })),
  ],
  test: {
    name: 'workerd',
    include: ['test/workerd/**/*.test.ts'],
    isolate: false,
    maxWorkers: 1,
    ...patience,
  },
});
