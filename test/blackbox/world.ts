import { expect } from 'vitest';
import { configFor, type Deployment, Device, enrollDevice } from '../../demo/people.ts';
import { type HostName, type Server, startServer } from '../../demo/server.ts';
import { makeDevelopmentSecrets, openSecrets, type OpenedSecrets, type Secrets } from '../../src/hosts/secrets.ts';
import { PROBLEMS, type ProblemSlug, type ReasonOf, REASONS } from '../../src/protocol/problem.ts';
import { Prover } from './prover.ts';

export const APP_ORIGIN = 'https://app.example';

/** One real server, the secrets it was started with, and two people on it. */
export interface World {
  readonly host: HostName;
  readonly server: Server;
  readonly secrets: Secrets;
  readonly opened: OpenedSecrets;
  readonly deployment: Deployment;
  /** Two people with clients, of whom the second can be found; and what each may ask by hand. */
  readonly device: Device;
  readonly callee: Device;
  /** The callee’s application, started again on what it kept. */
  readonly calleeAgain: () => Device;
  readonly alice: Prover;
  readonly calleeProver: Prover;
  /** A stranger, who never called anybody. */
  readonly bob: Prover;
  readonly handles: { readonly callee: string };
}

export async function openWorld(host: HostName): Promise<World> {
  const secrets = await makeDevelopmentSecrets(Date.now());
  const server = await startServer(host, secrets, { ALLOWED_ORIGINS: APP_ORIGIN });
  const opened = await openSecrets(secrets, server.url, 'development');
  const deployment = (await (await fetch(`${server.url}/v1/deployment`)).json()) as Deployment;
  const device = await enrollDevice('alice', configFor(server.url, deployment), null);
  const other = await enrollDevice('bob', configFor(server.url, deployment), null);
  const calleeConfig = configFor(server.url, deployment);
  const callee = await enrollDevice('callee', calleeConfig, null);
  const calleeAgain = () => new Device('callee', calleeConfig, callee.enrolled);
  for (const { client } of [device, callee]) await client.publishKeys();
  const handle = 'callee@example.com';
  await callee.client.addHandle(handle, () => codeFor(server.url, handle));
  const [alice, calleeProver, bob] = [device, callee, other].map(
    ({ enrolled }) => new Prover(server.url, enrolled.identity),
  ) as [Prover, Prover, Prover];
  const handles = { callee: handle };
  return { host, server, secrets, opened, deployment, device, callee, calleeAgain, alice, calleeProver, bob, handles };
}

/** What the development inbox has for an e-mail address. */
export async function codeFor(origin: string, address: string): Promise<string> {
  const url = `${origin}/v1/development/inbox?handle=${encodeURIComponent(`mail1:${address}`)}`;
  return ((await (await fetch(url)).json()) as { code: string }).code;
}

/** A documented problem and nothing else: type, status, title, reason, request id. */
export async function expectProblem<Slug extends ProblemSlug>(
  answer: Response,
  slug: Slug,
  reason: ReasonOf<Slug>,
): Promise<Record<string, unknown>> {
  const body = (await answer.json()) as Record<string, unknown>;
  expect(body).toMatchObject({ reason, status: PROBLEMS[slug].status, title: PROBLEMS[slug].title });
  expect(String(body['type'])).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:\\d+/problems/${slug}$`));
  expect(answer.status).toBe(PROBLEMS[slug].status);
  expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
  expect(body['instance']).toBe(answer.headers.get('X-Request-Id'));
  return body;
}

/** Any documented problem: never a status of 500 or more, never a reason that docs/problems.md does not know. */
export async function expectSomeProblem(answer: Response): Promise<void> {
  const text = await answer.text();
  const { type = '', reason = '' } = JSON.parse(text) as { type?: string; reason?: string };
  const slug = type.split('/').at(-1) as ProblemSlug;
  const known: readonly string[] = REASONS[slug];
  const told = { status: answer.status, text, documented: known.includes(reason) };
  expect(told).toEqual({ status: PROBLEMS[slug].status, text, documented: true });
  expect(answer.status).toBeLessThan(500);
  expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
}

/** What an account and its device have stored, as they can read it. */
export async function stored(alice: Prover): Promise<unknown> {
  const { account } = alice.identity;
  const paths = [
    '/v1/keys/status',
    `/v1/accounts/${account}/manifests`,
    '/v1/history',
    '/v1/handles',
    '/v1/policy',
    '/v1/calls/active',
  ];
  const read = await Promise.all(paths.map((path) => alice.read<Record<string, unknown>>('GET', path)));
  return JSON.parse(JSON.stringify(read, (name, value: unknown) => (name === 'serverNow' ? undefined : value)));
}
