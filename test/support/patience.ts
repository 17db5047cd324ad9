/**
 * How long what must happen may take, ms: on a machine many times slower than a developer's, with every core taken. It costs only a
 * run that fails. What never happens is shown by what happens after it, not by the clock.
 */
export const PATIENCE_MS = 120_000;

/** For vitest: a test and its hooks outlast every single wait in them. */
export const patience = {
  testTimeout: 3 * PATIENCE_MS,
  hookTimeout: 3 * PATIENCE_MS,
  teardownTimeout: PATIENCE_MS,
  expect: { poll: { timeout: PATIENCE_MS } },
};
