import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import type { Services } from '../../src/http/services.ts';
import { makeDevelopmentSecrets, openSecrets } from '../../src/hosts/secrets.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import { OPERATIONS, problemsOf } from '../../src/protocol/operations.ts';
import { PROBLEMS } from '../../src/protocol/problem.ts';

interface Described {
  readonly servers: { readonly url: string }[];
  readonly paths: Record<string, Record<string, { responses: Record<string, unknown>; security: object[] }>>;
}

const ORIGIN = 'https://calls.test';
let app: ReturnType<typeof createApp>;
let missing: string[] = [];
let deployment: string;
beforeAll(async () => {
  const opened = await openSecrets(await makeDevelopmentSecrets(Date.now()), ORIGIN, 'development');
  deployment = opened.deployment;
  const services = {
    deployment: { id: opened.deployment, environment: 'development', origin: ORIGIN, allowedOrigins: [ORIGIN] },
    keys: opened.keys,
    policy: { ...policies.development, version: '<b>&' },
    ready: async () => missing,
    now: () => Date.now(),
    random: (length: number) => new Uint8Array(length),
    log: () => undefined,
  } as unknown as Services;
  app = createApp(() => services);
});

describe('/openapi.json', () => {
  const read = async () => (await (await app.request('/openapi.json')).json()) as Described;

  it('is docs/openapi.json with the URL of this deployment', async () => {
    const committed = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as Described;
    expect(await read()).toEqual({ ...committed, servers: [{ url: ORIGIN }] });
  });

  it('describes every route but the page for people, and nothing else', () => {
    const routes = app.routes
      .filter(({ method, path }) => method !== 'ALL' && path !== '/')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    const described = OPERATIONS.map(({ method, path }) => `${method} ${path}`);
    expect(new Set(described).size).toBe(described.length);
    expect(described.toSorted()).toEqual([...new Set(routes)].toSorted());
  });

  it('refers only to what it holds', async () => {
    const document = await read();
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path);
    expect(references.length).toBeGreaterThan(100);
    const at = (path: string) =>
      path.split('/').reduce<unknown>((node, name) => (node as Record<string, unknown> | undefined)?.[name], document);
    expect(references.filter((path) => at(path) === undefined)).toEqual([]);
  });

  it('has for each operation its success, its problems by status, and who may ask', async () => {
    const { paths } = await read();
    for (const operation of OPERATIONS) {
      const described = paths[operation.path]?.[operation.method.toLowerCase()];
      const statuses = [operation.gives.status, ...problemsOf(operation).map((slug) => PROBLEMS[slug].status)];
      expect(Object.keys(described?.responses ?? {})).toEqual(
        expect.arrayContaining([...new Set(statuses)].map(String)),
      );
      expect(described?.security.length).toBe(operation.who === 'anyone' ? 0 : 1);
    }
  });

  it('has one id per operation', () => {
    expect(new Set(OPERATIONS.map(({ id }) => id)).size).toBe(OPERATIONS.length);
  });
});

describe('the first page', () => {
  const read = async () => {
    const answer = await app.request('/');
    return { headers: answer.headers, text: await answer.text() };
  };

  it('tells status, environment, deployment and keys, and leads to the documents', async () => {
    const { text } = await read();
    for (const told of ['ready', 'development', deployment, '/openapi.json', '/healthz', '/readyz', 'docs/protocol.md'])
      expect(text).toContain(told);
    missing = ['storage'];
    expect((await read()).text).toContain('not ready: storage');
    missing = [];
  });

  it('escapes what it shows', async () => {
    const { text } = await read();
    expect(text).toContain('&lt;b&gt;&amp;');
    expect(text).not.toContain('<b>');
  });

  it('allows itself its own style by hash and nothing else', async () => {
    const { headers, text } = await read();
    const [, style = ''] = /<style>([^]*)<\/style>/.exec(text) ?? [];
    const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(style));
    const encoded = Buffer.from(base64url(new Uint8Array(hash)), 'base64url').toString('base64');
    const policy = headers.get('Content-Security-Policy') ?? '';
    expect(policy).toContain(`style-src 'sha256-${encoded}'`);
    expect(policy).toContain("default-src 'none'");
    expect(text).not.toMatch(/<script|<link|<img|https?:\/\/(?!calls\.test)/);
  });
});
