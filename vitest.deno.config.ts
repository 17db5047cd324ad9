import { defineConfig } from 'vitest/config';
import { patience } from './test/support/patience.ts';

/** The suites that must also hold on Deno: the very same files, run by vitest inside Deno (docs/decisions/0003-tests-on-deno.md). */
export default defineConfig({
  test: {
    name: 'deno',
    environment: 'node',
    include: [
      'src/**/*.test.ts',
      'test/attestation/**/*.test.ts',
      'test/crypto/{call,adversary,group}.test.ts',
      'test/sdk/suite.test.ts',
      'test/{port,chaos}/deno*.test.ts',
      'test/db/local.test.ts',
    ],
    exclude: ['src/hosts/cloudflare/**', 'src/hosts/simulator/**', 'node_modules/**'],
    ...patience,
  },
});
