import { defineConfig } from 'vitest/config';

/** The suites that must also hold on Deno: the very same files, run by vitest inside Deno (docs/decisions/0003). */
export default defineConfig({
  test: {
    name: 'deno',
    environment: 'node',
    include: ['src/bytes/**/*.test.ts', 'src/attestation/**/*.test.ts', 'zz.test.ts'],
    testTimeout: 20_000,
  },
});
