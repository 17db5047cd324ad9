import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PATIENCE_MS } from '../support/patience.ts';

/** Builds and packs what `npm publish` would send, in a folder of the test's; the path of the tarball. */
export function pack(folder: string): string {
  const staged = join(folder, 'staged');
  mkdirSync(staged, { recursive: true });
  const tsc = join(process.cwd(), 'node_modules/.bin/tsc');
  run(tsc, ['-p', 'tsconfig.build.json', '--outDir', join(staged, 'dist')], process.cwd());
  for (const file of ['package.json', 'LICENSE', 'README.md', 'CHANGELOG.md', 'docs'])
    cpSync(file, join(staged, file), { recursive: true });
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--offline'], staged)) as {
    filename: string;
  }[];
  return join(staged, packed!.filename);
}

function run(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8', timeout: 2 * PATIENCE_MS });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}
