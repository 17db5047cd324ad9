/** Type-checks every compilation unit of the import law; the units run side by side. */
import { spawn } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';

const configs = globSync('tsconfig.*.json').filter(
  (name) => name !== 'tsconfig.base.json' && name !== 'tsconfig.build.json',
);

function run(command: string, args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

if (existsSync('wrangler.toml')) {
  const types = await run('wrangler', ['types', '--env-interface', 'CloudflareBindings']);
  if (types.code !== 0) {
    console.error(types.output);
    process.exit(1);
  }
}

const results = await Promise.all(configs.map(async (config) => ({ config, ...(await run('tsc', ['-p', config])) })));
for (const { config, code, output } of results) {
  const nothing = output.includes('TS18003');
  console.log(`${code === 0 || nothing ? 'ok  ' : 'FAIL'} ${config}${nothing ? ' (no files yet)' : ''}`);
  if (code !== 0 && !nothing) {
    console.log(output);
    process.exitCode = 1;
  }
}
