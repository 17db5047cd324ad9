/** npm start: the server on workerd at the address of wrangler.toml, with its own development secrets and state in .wrangler. */
import { spawn } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { makeDevelopmentSecrets, type Secrets } from '../src/hosts/secrets.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8787' },
    /** Secrets, database, objects and the built page; git-ignored where it is by default. */
    state: { type: 'string', default: '.wrangler/callsign' },
  },
});
const STATE = values.state;
const PAGES = `${STATE}/pages`;
const SECRETS = `${STATE}/development-secrets.json`;

/** Made at the first start and kept: a git-ignored file that only its owner reads. Production refuses them. */
async function secrets(): Promise<Secrets> {
  mkdirSync(STATE, { recursive: true, mode: 0o700 });
  if (!existsSync(SECRETS)) {
    writeFileSync(`${SECRETS}.new`, JSON.stringify(await makeDevelopmentSecrets(Date.now())), { mode: 0o600 });
    renameSync(`${SECRETS}.new`, SECRETS);
    console.log(`made development secrets in ${SECRETS}`);
  }
  return JSON.parse(readFileSync(SECRETS, 'utf8')) as Secrets;
}

/** The page on which two windows of a browser call each other, beside the static files of every deployment. */
async function pages(): Promise<void> {
  cpSync('demo/public', PAGES, { recursive: true });
  copyFileSync('demo/page/call.html', `${PAGES}/call.html`);
  await build({
    entryPoints: ['demo/page/call.ts'],
    outfile: `${PAGES}/call.js`,
    bundle: true,
    format: 'esm',
    target: 'es2024',
    minify: true,
    logLevel: 'warning',
  });
}

await pages();
const origin = `http://127.0.0.1:${values.port}`;
const where = ['--state', `${STATE}/state`, '--assets', PAGES, '--port', values.port];
const args = ['tools/serve-worker.ts', ...where, '--var', `ORIGIN=${origin}`];
const server = spawn(process.execPath, args, {
  stdio: ['ignore', 'pipe', 'inherit'],
  env: { ...process.env, ...(await secrets()) },
});
server.stdout.setEncoding('utf8');
let told = false;
server.stdout.on('data', (text: string) => {
  if (told) process.stdout.write(text);
  else if (text.includes('"url"')) {
    told = true;
    console.log(`Callsign is ready on ${origin}`);
    console.log(`Two windows call each other on ${origin}/call`);
  }
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => server.kill('SIGTERM'));
server.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
