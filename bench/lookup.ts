/**
 * Lookups with claim, over HTTP, of people whom the caller never saw: each gives a chain of three manifests, three devices with
 * certificate, bundle, capability and a one-time key, and a handle assertion. 10,000 accounts of three devices are in the store.
 * Beside them, in turns, lookups of strangers without claim, and before them SQLite's own commits in the same folder: a claim is the
 * one part of a lookup that must be durable before it is answered.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { configFor, type Deployment } from '../demo/people.ts';
import { makeDevelopmentSecrets } from '../src/hosts/secrets.ts';
import { developmentAttester, enroll } from '../src/sdk/index.ts';
import { Prover } from '../test/blackbox/prover.ts';
import { freePort } from '../demo/free-port.ts';
import { ratesIn } from './commit.ts';
import type { Figures } from './run.ts';

const DENO = new URL('../node_modules/deno/deno', import.meta.url).pathname;
const SEED = new URL('./lookup-seed.ts', import.meta.url).pathname;
const MAIN = new URL('../src/hosts/deno/main.ts', import.meta.url).pathname;
const ACCOUNTS = Number(process.env['BENCH_ACCOUNTS'] ?? 10_000);
const CALLERS = 8;
/** Blocks of lookups with and without claim take turns, so that a machine that is slow for a while is slow for both. */
const BLOCKS = 4;
const LOOKUPS = 400;
const WARMING = 200;
const UNLIMITED = '1000000';

export async function lookup(): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'callsign-lookup-'));
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const env = {
    ...process.env,
    ...(await makeDevelopmentSecrets(Date.now())),
    CALLSIGN_DATA: join(folder, 'data'),
    CALLSIGN_PORT: String(port),
    ORIGIN: origin,
    LOOKUPS_PER_MINUTE: UNLIMITED,
    LOOKUPS_PER_DAY_NEW: UNLIMITED,
  };
  try {
    const started = performance.now();
    await promisify(execFile)(DENO, ['run', '-A', '--no-remote', SEED, String(ACCOUNTS)], { env, timeout: 1_800_000 });
    const seeded = (performance.now() - started) / 1_000;
    const { rawCommits: commits } = await ratesIn(folder, 1);
    const { claimed, plain } = await served(origin, env);
    return {
      figures: {
        'accounts in the store': ACCOUNTS,
        'devices in the store': ACCOUNTS * 3,
        'seeding, s': seeded,
        'SQLite commits, one by one, /s': commits,
        ...told('lookup with claim', claimed),
        ...told('lookup without claim', plain),
      },
      ratios: {
        'lookups/s, with claim / without': claimed.perSecond / plain.perSecond,
        'one-time keys/s / SQLite commits/s': (claimed.perSecond * 3) / commits,
      },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function served(origin: string, env: NodeJS.ProcessEnv): Promise<{ claimed: Measured; plain: Measured }> {
  const server = spawn(DENO, ['run', '-A', '--no-remote', MAIN], { env, stdio: 'ignore' });
  try {
    await answering(origin);
    return await measure(origin);
  } finally {
    server.kill('SIGKILL');
    await once(server, 'close');
  }
}

async function answering(origin: string): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (
      await fetch(`${origin}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('the server did not start');
}

interface Measured {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

function told(what: string, { perSecond, p50, p99 }: Measured): Record<string, number> {
  return {
    [`${what}, Deno, ${CALLERS} callers, /s`]: perSecond,
    [`${what}, Deno, p50, ms`]: p50,
    [`${what}, Deno, p99, ms`]: p99,
  };
}

async function measure(origin: string): Promise<{ claimed: Measured; plain: Measured }> {
  const deployment = (await (await fetch(`${origin}/v1/deployment`)).json()) as Deployment;
  const callers = await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      const config = configFor(origin, deployment);
      const { identity } = await enroll(config, developmentAttester(config.crypto));
      return new Prover(origin, identity);
    }),
  );
  const nonce = await callers[0]!.nonce();
  let next = 0;
  const block = async (claim: boolean, count: number): Promise<{ times: number[]; seconds: number }> => {
    const times: number[] = [];
    const began = performance.now();
    const end = next + count;
    await Promise.all(
      callers.map(async (caller) => {
        while (next < end) {
          const index = next++;
          times.push(await one(caller, nonce, (index * 7_919) % ACCOUNTS, { request: index, claim }));
        }
      }),
    );
    return { times, seconds: (performance.now() - began) / 1_000 };
  };
  await block(true, WARMING);
  const [claimed, plain]: [number[], number[]] = [[], []];
  const spent = { claimed: 0, plain: 0 };
  for (let i = 0; i < BLOCKS; i++) {
    const [with_, without] = [await block(true, LOOKUPS), await block(false, LOOKUPS)];
    claimed.push(...with_.times);
    plain.push(...without.times);
    spent.claimed += with_.seconds;
    spent.plain += without.seconds;
  }
  return { claimed: summary(claimed, spent.claimed), plain: summary(plain, spent.plain) };
}

function summary(times: readonly number[], seconds: number): Measured {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;
  return { perSecond: times.length / seconds, p50: at(0.5), p99: at(0.99) };
}

/** ms from request to whole answer; that everything is in it is checked. */
async function one(
  caller: Prover,
  nonce: string,
  person: number,
  { request, claim }: { readonly request: number; readonly claim: boolean },
): Promise<number> {
  const headers = { 'Idempotency-Key': `lookup-${request}` };
  const body = JSON.stringify({ handles: [`person-${person}@example.com`], claim });
  const proof = await caller.proof('POST', '/v1/lookups', await caller.token(), { nonce });
  const started = performance.now();
  const answer = await caller.ask('POST', '/v1/lookups', { body, headers, proof });
  const text = await answer.text();
  const spent = performance.now() - started;
  const [found] = (JSON.parse(text) as { results?: { devices?: { oneTime?: object }[] }[] }).results ?? [];
  const whole = found?.devices?.filter(({ oneTime }) => (oneTime !== undefined) === claim).length === 3;
  if (!whole) throw new Error(`${answer.status} ${text.slice(0, 300)}`);
  return spent;
}
