/** System programs in tests: found, or skipped with one line; with CI=true a missing one is a failure. */
import { spawnSync } from 'node:child_process';
import { PATIENCE_MS } from './patience.ts';

/** True when `program` runs. Says once, in one line, what is skipped and how to install it. */
export function found(program: string, packageName: string, what: string): boolean {
  const { error } = spawnSync(program, ['--version'], { timeout: PATIENCE_MS, stdio: 'ignore' });
  return installed(error === undefined, packageName, what);
}

/** The same for what is no program of its own. */
export function installed(present: boolean, packageName: string, what: string): boolean {
  if (present) return true;
  const message = `${what}: apt-get install ${packageName}`;
  if (process.env['CI'] === 'true') throw new Error(`cannot test ${message}`);
  // Not console.warn: the reporter keeps that to itself when tests pass.
  process.stderr.write(`skipped: ${message}\n`);
  return false;
}

export function run(program: string, args: readonly string[], input = ''): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { input, timeout: PATIENCE_MS, encoding: 'utf8' });
  return { code: status, output: `${stdout}${stderr}` };
}
