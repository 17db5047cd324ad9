import { defineConfig } from 'vitest/config';
import { patience } from './test/support/patience.ts';

/** Pure rooms, the simulator, vectors, and suites that start their own processes: plain Node. */
export default defineConfig({
  test: {
    name: 'node',
    environment: 'node',
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['test/workerd/**', 'src/hosts/deno/**', 'test/{port,chaos}/deno*.test.ts', 'node_modules/**'],
    ...patience,
  },
});
