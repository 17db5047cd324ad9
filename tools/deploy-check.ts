/**
 * `npm run deploy:check`: builds the production Worker as a deployment would, without network or account, and fails when
 * it is over budget. Start-up is the least of several local profiles, and of more while that is over: whatever else the machine does only adds to one.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

const { values } = parseArgs({
  options: {
    'max-gzip-bytes': { type: 'string', default: String(1024 * 1024) },
    'max-startup-ms': { type: 'string', default: '50' },
    profiles: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'callsign-deploy-'));

function wrangler(...args: string[]): string {
  return execFileSync('wrangler', [...args, '--env', 'production'], {
    encoding: 'utf8',
    env: { ...process.env, CI: '1', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
}

function sizes(): { bytes: number; gzip: number } {
  const built = join(folder, 'built');
  wrangler('deploy', '--dry-run', '--outdir', built);
  const modules = readdirSync(built, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(js|mjs|wasm)$/.test(name))
    .map((name) => readFileSync(join(built, name)));
  const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
  return {
    bytes: sum(modules.map(({ length }) => length)),
    gzip: sum(modules.map((module) => gzipSync(module).length)),
  };
}

function startup(): number {
  const said = wrangler('check', 'startup', '--outfile', join(folder, 'startup.cpuprofile'));
  const active = /Active: ([\d.]+) ms/.exec(said)?.[1];
  if (active === undefined) throw new Error(`wrangler check startup did not say how long it was active:\n${said}`);
  return Number(active);
}

try {
  const { bytes, gzip } = sizes();
  const budget = { gzip: Number(values['max-gzip-bytes']), startupMs: Number(values['max-startup-ms']) };
  const profiles = Array.from({ length: Number(values.profiles) }, startup);
  while (Math.min(...profiles) > budget.startupMs && profiles.length < 3 * Number(values.profiles))
    profiles.push(startup());
  const startupMs = Math.min(...profiles);
  const over = [
    ...(gzip > budget.gzip ? [`gzip ${gzip} bytes is over ${budget.gzip}`] : []),
    ...(startupMs > budget.startupMs ? [`start-up ${startupMs} ms is over ${budget.startupMs} ms`] : []),
  ];
  if (values.json) console.log(JSON.stringify({ bytes, gzip, startupMs, budget, over }));
  else {
    console.log(`bundle    ${(bytes / 1024).toFixed(1)} KiB`);
    console.log(`gzip      ${(gzip / 1024).toFixed(1)} KiB of ${(budget.gzip / 1024).toFixed(1)} KiB`);
    console.log(`start-up  ${startupMs} ms of ${budget.startupMs} ms`);
    console.log(over.length === 0 ? 'within budget' : over.join('\n'));
  }
  process.exitCode = over.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
