import { afterAll, beforeAll, expect, it } from 'vitest';
import { Audit } from '../../cli/support/audit.ts';
import { eventsAfter, type Line, operator } from '../../cli/support/server.ts';
import { configFor, type Deployment } from '../../demo/people.ts';
import { type Server, startServer } from '../../demo/server.ts';
import { fromBase64url } from '../../src/bytes/base64url.ts';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import { readIdentity } from '../../src/identity/certificate.ts';
import { type ClientConfig, developmentAttester, enroll } from '../../src/sdk/index.ts';

const ROUNDS = 12;
/** An enrollment takes about so long on an idle machine, ms; the kill falls anywhere in it. */
const WINDOW_MS = 60;

const secrets = await makeDevelopmentSecrets(Date.now());
const key = (JSON.parse(secrets.CALLSIGN_KEYS) as { operator: string }).operator;
let server: Server;
beforeAll(async () => {
  server = await startServer('deno', secrets, {});
});
afterAll(() => server.stop());

interface Killed {
  /** The first answer, when it came before the kill. */
  heard: string | null;
}

/** The enrollment is sent, the server killed after `delay`, and the same bytes sent again to what comes back. */
function killing(config: ClientConfig, delay: number, killed: Killed): ClientConfig {
  return {
    ...config,
    fetch: async (url, init) => {
      if (!url.endsWith('/v1/enrollments')) return config.fetch(url, init);
      const first = config.fetch(url, { method: 'POST', headers: init.headers ?? {}, body: init.body ?? null }).then(
        async (response) => {
          killed.heard = response.ok ? leafOf(await response.text()) : null;
        },
        () => undefined,
      );
      await new Promise((resolve) => setTimeout(resolve, delay));
      await server.restart();
      await first;
      return config.fetch(url, { method: 'POST', headers: init.headers ?? {}, body: init.body ?? null });
    },
  };
}

const leafOf = (reply: string) => (JSON.parse(reply) as { certificate: string[] }).certificate[0] ?? '';
const serialOf = (leaf: Uint8Array) => readIdentity(leaf)!.certificate.serial;

async function feed(): Promise<Line[]> {
  const api = operator({ CALLSIGN_URL: server.url, CALLSIGN_OPERATOR_KEY: key });
  const lines: Line[] = [];
  for (let cursor = 0; ;) {
    const page = await eventsAfter(api, cursor, undefined);
    lines.push(...page);
    const last = page.at(-1);
    if (!last) return lines;
    cursor = last.cursor;
  }
}

it(`${ROUNDS} times SIGKILL during an enrollment: the retry gets the certificate, and none is unrecorded`, async () => {
  const deployment = (await (await fetch(`${server.url}/v1/deployment`)).json()) as Deployment;
  const given = new Map<string, string>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const killed: Killed = { heard: null };
    const config = killing(configFor(server.url, deployment), (WINDOW_MS * round) / ROUNDS, killed);
    const { identity } = await enroll(config, developmentAttester(config.crypto));
    const serial = serialOf(identity.chain[0]!);
    given.set(serial, identity.account);
    expect(killed.heard === null ? serial : serialOf(fromBase64url(killed.heard)!)).toBe(serial);
  }
  const subjects = async (type: string) =>
    (await feed()).filter((line) => line.type === type).map(({ subject }) => subject);
  await expect.poll(() => subjects('certificate.issued'), { interval: 1_000 }).toHaveLength(ROUNDS);
  const lines = await feed();
  const of = (type: string) => lines.filter((line) => line.type === type);
  expect(new Set(of('certificate.issued').map(({ subject }) => subject))).toEqual(new Set(given.keys()));
  expect(new Set(of('certificate.intended').map(({ subject }) => subject))).toEqual(new Set(given.keys()));
  expect(of('certificate.intended')).toHaveLength(ROUNDS);
  for (const { index } of of('certificate.issued'))
    expect(index).toMatchObject({ account: given.get(index?.['serial'] as string) });
  const audit = new Audit();
  for (const line of lines) audit.add(line);
  expect(audit.broken).toEqual([]);
});
