/** npm start: the server on workerd at the address of wrangler.toml, with its own development secrets and state in .wrangler. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { makeDevelopmentSecrets, type Secrets } from '../src/hosts/secrets.ts';

const { values } = parseArgs({ options: { port: { type: 'string', default: '8787' } } });
const STATE = '.wrangler/callsign';
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

const origin = `http://127.0.0.1:${values.port}`;
const args = ['tools/serve-worker.ts', '--state', `${STATE}/state`, '--port', values.port, '--var', `ORIGIN=${origin}`];
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
  }
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => server.kill('SIGTERM'));
server.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
