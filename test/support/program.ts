/** System programs in tests: found, or skipped with one line; with CI=true a missing one is a failure. */
import { spawnSync } from 'node:child_process';

/** True when `program` runs. Says once, in one line, what is skipped and how to install it. */
export function found(program: string, packageName: string, what: string): boolean {
  if (spawnSync(program, ['--version'], { timeout: 10_000 }).error === undefined) return true;
  if (process.env['CI'] === 'true') throw new Error(`${program} is missing: apt-get install ${packageName}`);
  console.warn(`skipped: ${what} (${program} is missing: apt-get install ${packageName})`);
  return false;
}

export function run(program: string, args: readonly string[], input = ''): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { input, timeout: 20_000, encoding: 'utf8' });
  return { code: status, output: `${stdout}${stderr}` };
}
