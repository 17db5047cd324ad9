import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { PATIENCE_MS } from '../support/patience.ts';

interface Checked {
  readonly gzip: number;
  readonly startupMs: number;
  readonly over: readonly string[];
}

function check(...args: string[]): { status: number | null; checked: Checked } {
  const run = spawnSync('npm', ['run', '-s', 'deploy:check', '--', '--profiles', '1', '--json', ...args], {
    encoding: 'utf8',
    timeout: 2 * PATIENCE_MS,
  });
  return { status: run.status, checked: JSON.parse(run.stdout) as Checked };
}

test('a bundle over its budget fails the check, and says by what', () => {
  const { status, checked } = check('--max-gzip-bytes', '1000', '--max-startup-ms', '100000');
  expect(checked.over).toEqual([`gzip ${checked.gzip} bytes is over 1000`]);
  expect(status).toBe(1);
});
