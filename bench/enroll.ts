/**
 * Enrollments over HTTP on both hosts: from challenge to certificate one at a time, and how many a second with 16 in flight. Evidence
 * is made here before the clock runs; this process shares the machine's cores with the server. What of it is signing and verifying is
 * measured with the same routes inside this process, with the actors in memory.
 */
import { configFor, type Deployment } from '../demo/people.ts';
import { type HostName, startServer } from '../demo/server.ts';
import { attestInDevelopment, type DevelopmentRoot } from '../src/attestation/development/attester.ts';
import { makeDevelopmentSecrets, openSecrets, type Secrets } from '../src/hosts/secrets.ts';
import { type Attester, type ClientConfig, enroll as enrollBySdk, webCrypto } from '../src/sdk/index.ts';
import { townOf } from '../test/support/asker.ts';
import { inProcess, ORIGIN } from '../test/support/in-process.ts';
import type { Figures } from './run.ts';

const ALONE = 150;
const TOGETHER = 300;
const IN_FLIGHT = 16;
const CHALLENGES = '/v1/enrollments/challenges';
const ENROLLMENTS = '/v1/enrollments';

export async function enroll(): Promise<Figures> {
  const figures: Record<string, number> = {};
  const ratios: Record<string, number> = {};
  for (const host of ['workerd', 'deno'] as const) await measure(host, figures);
  await shares(figures, ratios);
  return { figures, ratios };
}

async function measure(host: HostName, figures: Record<string, number>): Promise<void> {
  const secrets = await makeDevelopmentSecrets(Date.now());
  const server = await startServer(host, secrets, {});
  try {
    const deployment = (await (await fetch(`${server.url}/v1/deployment`)).json()) as Deployment;
    const root = await rootOf(secrets, server.url);
    const people = () => preparing(configFor(server.url, deployment), root, Date.now);
    for (let i = 0; i < 10; i++) await done(server.url, (await people()).body);
    const times: number[] = [];
    for (let i = 0; i < ALONE; i++) {
      const { body, challengeMs } = await people();
      times.push(challengeMs + (await timed(() => done(server.url, body))));
    }
    const sorted = times.toSorted((a, b) => a - b);
    figures[`${host}: challenge to certificate p50, ms`] = sorted[Math.floor(ALONE * 0.5)] ?? NaN;
    figures[`${host}: challenge to certificate p99, ms`] = sorted[Math.floor(ALONE * 0.99)] ?? NaN;
    figures[`${host}: enrollments/s, ${IN_FLIGHT} in flight`] = await together(server.url, people);
  } finally {
    await server.stop();
  }
}

/** Each turn asks for a challenge and gets a certificate for an earlier one. */
async function together(url: string, people: () => Promise<Prepared>): Promise<number> {
  const prepared: Prepared[] = [];
  for (let i = 0; i < TOGETHER; i++) prepared.push(await people());
  const line = async () => {
    for (let next = prepared.pop(); next; next = prepared.pop()) {
      await (await post(`${url}${CHALLENGES}`, JSON.stringify({ format: 'webauthn' }))).arrayBuffer();
      await done(url, next.body);
    }
  };
  const ms = await timed(() => Promise.all(Array.from({ length: IN_FLIGHT }, line)));
  return TOGETHER / (ms / 1_000);
}

interface Prepared {
  readonly body: string;
  readonly challengeMs: number;
}

const HELD = 499;

/** What the SDK would send to be enrolled, held back; and how long its challenge took. */
async function preparing(config: ClientConfig, root: DevelopmentRoot, now: () => number): Promise<Prepared> {
  let body = '';
  let challengeMs = 0;
  const holding: ClientConfig['fetch'] = async (url, init) => {
    if (url.endsWith(ENROLLMENTS)) {
      body = init.body as string;
      return new Response('{}', { status: HELD });
    }
    let answer: Response | undefined;
    challengeMs = await timed(async () => {
      answer = await config.fetch(url, init);
      await answer.clone().arrayBuffer();
    });
    return answer!;
  };
  await enrollBySdk({ ...config, fetch: holding }, attester(root, config.origin, now)).catch((error: unknown) => {
    if (body === '') throw error;
  });
  return { body, challengeMs };
}

/** The development attester without its server: evidence of a new credential under the deployment's own root. */
function attester(root: DevelopmentRoot, origin: string, now: () => number): Attester {
  const key = webCrypto().generateSigningKey();
  return {
    format: 'webauthn',
    identityKey: () => key,
    async attest(challenge) {
      const ceremony = { challenge, rpId: new URL(origin).hostname, origin };
      const random = crypto.getRandomValues(new Uint8Array(48));
      const { evidence } = await attestInDevelopment(root, ceremony, now(), random);
      const { format: _format, ...fields } = evidence;
      return fields;
    },
  };
}

async function rootOf(secrets: Secrets, origin: string): Promise<DevelopmentRoot> {
  const { developmentRoot } = await openSecrets(secrets, origin, 'development');
  if (!developmentRoot) throw new Error('development secrets hold an attester');
  return developmentRoot;
}

const post = (url: string, body: string) =>
  fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });

async function done(url: string, body: string): Promise<void> {
  const answer = await post(`${url}${ENROLLMENTS}`, body);
  if (answer.status !== 201) throw new Error(`not enrolled: ${answer.status} ${await answer.text()}`);
  await answer.arrayBuffer();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Time inside WebCrypto while the route is at work, one enrollment at a time. */
async function shares(figures: Record<string, number>, ratios: Record<string, number>): Promise<void> {
  const secrets = await makeDevelopmentSecrets(Date.now() - 60_000);
  const place = await inProcess(secrets, Date.now());
  const town = townOf(await place.services());
  const root = await rootOf(secrets, ORIGIN);
  const spent = { sign: 0, verify: 0 };
  const counting = (name: 'sign' | 'verify') => {
    const own = crypto.subtle[name].bind(crypto.subtle) as (...given: unknown[]) => Promise<unknown>;
    const replaced = async (...given: unknown[]) => {
      const started = performance.now();
      return own(...given).finally(() => {
        spent[name] += performance.now() - started;
      });
    };
    Object.defineProperty(crypto.subtle, name, { value: replaced, configurable: true });
  };
  let total = 0;
  try {
    const prepared: string[] = [];
    for (let i = 0; i < ALONE; i++) prepared.push((await preparing(town.config(), root, town.services.now)).body);
    for (const name of ['sign', 'verify'] as const) counting(name);
    const init = (body: string) => ({ method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    total = await timed(async () => {
      for (const body of prepared) {
        const answer = await town.request(ENROLLMENTS, init(body));
        if (answer.status !== 201) throw new Error(`not enrolled: ${answer.status}`);
      }
    });
  } finally {
    for (const name of ['sign', 'verify']) Reflect.deleteProperty(crypto.subtle, name);
    place.stop();
  }
  figures['one enrollment in one Node process, ms'] = total / ALONE;
  figures['of that signing, ms'] = spent.sign / ALONE;
  figures['of that verifying, ms'] = spent.verify / ALONE;
  ratios['share of signing'] = spent.sign / total;
  ratios['share of verifying'] = spent.verify / total;
}
