import { describe, expect, it } from 'vitest';
import { BODY_MAX_BYTES } from '../../src/protocol/api.ts';
import { type Operation, OPERATIONS } from '../../src/protocol/operations.ts';
import { expectProblem, expectSomeProblem, type World } from './world.ts';

const FILLED: Readonly<Record<string, string>> = {
  call: 'a'.repeat(32),
  device: 'a'.repeat(26),
  evidence: 'A'.repeat(43),
  id: 'A'.repeat(22),
  link: 'A'.repeat(22),
  recovery: 'A'.repeat(22),
};
const GARBAGE = [
  '[',
  'null',
  '7',
  '""',
  '[[]]',
  '{"__proto__":{"a":1},"constructor":1}',
  `{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`,
  '{"token":"\\ud800","handle":"\\ud800\\ud800\\ud800","verb":"invite","call":"\\u0000"}',
];

/** Every operation against everything that is not its request: a documented problem or a plain answer, never a failure. */
export function sweep(world: () => World): void {
  const pathOf = ({ path }: Operation) =>
    path.replace(/\{(\w+)\}/g, (_, name: string) => FILLED[name] ?? world().alice.identity.account);
  const send = ({ method, who, ...operation }: Operation, body?: string, type = 'application/json') => {
    const path = pathOf({ method, who, ...operation });
    if (who === 'device') return world().alice.ask(method, path, body === undefined ? {} : { body, type });
    const operator = who === 'operator' ? { Authorization: `Bearer ${world().opened.operator}` } : {};
    const init = body === undefined ? { headers: operator } : { body, headers: { 'Content-Type': type, ...operator } };
    return fetch(`${world().server.url}${path}`, { method, ...init });
  };
  const settled = async (answer: Response) => {
    if (answer.status >= 400) await expectSomeProblem(answer);
    else await answer.arrayBuffer();
  };
  const writing = OPERATIONS.filter(({ method, who }) => method !== 'GET' && who !== 'client');
  const named = (list: readonly Operation[]) => list.map((operation) => [operation.id, operation] as const);

  describe('every operation answers', () => {
    it.each(named(OPERATIONS.filter(({ who }) => who !== 'client')))('%s: no body', async (_, operation) => {
      await settled(await send(operation));
    });

    it.each(named(writing))('%s: another content type, too much, garbage', async (_, operation) => {
      await settled(await send(operation, '{}', 'application/xml'));
      await settled(await send(operation, 'x'.repeat(BODY_MAX_BYTES + 1)));
      for (const body of GARBAGE) await settled(await send(operation, body));
    });

    it.each(named(OPERATIONS))('%s: another method', async (_, operation) => {
      const answer = await fetch(`${world().server.url}${pathOf(operation)}`, {
        method: 'PATCH',
        headers: { Authorization: `Bearer ${world().opened.operator}` },
      });
      expect(answer.headers.get('Allow')?.split(', ')).toContain(operation.method);
      await expectProblem(answer, 'method-not-allowed', 'method');
    });
  });

  it('the token endpoint answers garbage with an OAuth error', async () => {
    for (const body of ['', 'grant_type=x', 'grant_type=client_credentials', 'a=1&a=2', '%ff=%', 'x'.repeat(20_000)]) {
      const answer = await fetch(`${world().server.url}/v1/token`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body,
      });
      const told = (await answer.json()) as { error?: string; reason: string };
      expect([400, 401, 413]).toContain(answer.status);
      expect(told.error ?? told.reason).toMatch(
        /^(unsupported_grant_type|invalid_client|repeated-parameter|body-too-large)$/,
      );
    }
  });

  it('paths, queries and headers of any kind are never a failure', async () => {
    const { server, alice } = world();
    const paths = [
      '/%',
      '/%00',
      '/%ff%fe',
      '/v1/calls/%E0%A4%A',
      `/v1/${'a'.repeat(4_000)}`,
      '/v1/development/inbox?handle=%ff',
    ];
    for (const path of paths) await settled(await fetch(`${server.url}${path}`));
    for (const query of ['before=-1', 'limit=x', 'limit=0', 'before=999999999999999', 'limit=1&limit=2'])
      await settled(await alice.ask('GET', `/v1/history?${query}`));
    for (const value of ['DPoP', 'Bearer x', 'DPoP ', `DPoP ${'a'.repeat(9_000)}`, 'Basic Og=='])
      await settled(await fetch(`${server.url}/v1/policy`, { headers: { Authorization: value, DPoP: value } }));
  });
}
