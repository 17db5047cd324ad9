import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { eventHash } from '../../src/actors/events.ts';
import { createApp } from '../../src/app.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import { openRepositories } from '../../src/db/open.ts';
import type { CertificateRow, Repositories } from '../../src/db/repositories.ts';
import { LocalD1 } from '../../src/hosts/deno/d1.ts';
import { applyMigrations } from '../../src/hosts/deno/migrations.ts';
import { Shard } from '../../src/hosts/deno/shard.ts';
import { accessOf } from '../../src/hosts/services.ts';
import type { Services } from '../../src/http/services.ts';
import { TrustInForce } from '../../src/jobs/lists/in-force.ts';
import type { EventRow } from '../../src/protocol/event.ts';
import { ACCOUNT, DEVICE, NOW, random, world } from '../support/authority.ts';
import { base64url } from '../../src/bytes/base64url.ts';

const EMPTY = { anchors: [], intermediates: [], metadata: null, androidStatus: null };
const KEY = base64url(random(32));
const DAY = 86_400_000;
const TEAM = 'https://team.cloudflareaccess.com';
const AUDIENCE = 'a'.repeat(64);
const folder = mkdtempSync(join(tmpdir(), 'callsign-admin-'));
const shard = new Shard(join(folder, 'd1.sqlite'));
applyMigrations(shard, 'migrations');
const db: Repositories = openRepositories(new LocalD1(shard));
afterAll(() => {
  shard.close();
  rmSync(folder, { recursive: true });
});

let app: ReturnType<typeof createApp>;
let access: CryptoKeyPair;
let told: { to: string; body: Record<string, unknown> }[] = [];
let answer: object = { ok: true, status: 'revoked', statusAt: NOW };
/** Whether actors answer at all. */
let heard = true;
let events: Repositories['events'] = db.events;

beforeAll(async () => {
  access = await generateKeyPair('ES256', { extractable: true });
  const ca = await world();
  const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(access.publicKey)), kid: 'a1', alg: 'ES256' }] });
  const services = {
    deployment: { origin: 'https://calls.example', allowedOrigins: [] },
    keys: {
      issuer: ca.issuer,
      issuers: [ca.issuer],
      root: ca.root,
      access: ca.issuer.signer,
      published: { directory: { keys: [] }, access: { keys: [] } },
      nonces: [{ kid: 'n1', secret: random(32) }],
    },
    operator: { key: KEY, access: { issuer: TEAM, audience: AUDIENCE, keys } },
    policy: policies.standard,
    trust: new TrustInForce(EMPTY, db.lists, () => NOW),
    db: {
      ...db,
      get events() {
        return events;
      },
    },
    actors: {
      async command({ name }: { name: string }, _key: string, body: Record<string, unknown>) {
        told.push({ to: name, body });
        return heard ? { ok: true, value: answer } : { ok: false, reason: 'unavailable' };
      },
    },
    now: () => NOW,
    random,
    log: () => {},
  } as unknown as Services;
  app = createApp(() => services);
});
beforeEach(() => {
  told = [];
  answer = { ok: true, status: 'revoked', statusAt: NOW };
  heard = true;
  events = db.events;
});

const row = (serial: string, part: Partial<CertificateRow> = {}): CertificateRow => {
  const fixed = { account: ACCOUNT, device: DEVICE, status: 'active', statusAt: NOW, reason: null } as const;
  return { serial, ...fixed, notAfter: NOW + DAY, evidence: 'e', issuer: null, ...part };
};
const bearer = { Authorization: `Bearer ${KEY}` };
const get = (path: string, headers: Record<string, string> = bearer) => app.request(`/v1/admin/${path}`, { headers });
const revoke = (body: object, headers: Record<string, string> = bearer) =>
  app.request('/v1/admin/revocations', {
    method: 'POST',
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
const reasonOf = async (response: Response) =>
  [response.status, ((await response.json()) as { reason: string }).reason] as const;
const feed = async (query = ''): Promise<(EventRow & { cursor: number })[]> => {
  const text = await (await get(`events${query}`)).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as EventRow & { cursor: number });
};
const PATHS = ['devices', 'certificates', `verdicts/${'A'.repeat(43)}`, 'policy', 'trust', 'counters', 'events'];

it.each(PATHS)('nobody reads %s without the operator key', async (path) => {
  expect(await reasonOf(await get(path, {}))).toEqual([401, 'operator-credentials']);
  expect(await reasonOf(await get(path, { Authorization: `Bearer ${KEY.slice(1)}` }))).toEqual([401, 'operator-key']);
  const token = { Authorization: `DPoP ${KEY}`, DPoP: 'x' };
  expect(await reasonOf(await get(path, token))).toEqual([401, 'operator-credentials']);
  expect(await reasonOf(await revoke({ account: ACCOUNT, device: DEVICE, reason: 'x' }, token))).toEqual([
    401,
    'operator-credentials',
  ]);
  expect(told).toEqual([]);
});

it('the operator key opens nothing of a device', async () => {
  for (const [method, path] of [
    ['GET', '/v1/policy'],
    ['DELETE', `/v1/devices/${DEVICE}`],
    ['POST', '/v1/lookups'],
  ] as const)
    expect(await reasonOf(await app.request(path, { method, headers: bearer }))).toEqual([401, 'credentials-missing']);
  expect(told).toEqual([]);
});

const assertion = (claims: object, kid = 'a1') =>
  new SignJWT({ sub: 'user', iat: NOW / 1000, exp: NOW / 1000 + 60, iss: TEAM, aud: [AUDIENCE], ...claims })
    .setProtectedHeader({ alg: 'ES256', kid })
    .sign(access.privateKey);
const byAccess = async (token: string | Promise<string>) => get('policy', { 'Cf-Access-Jwt-Assertion': await token });

it('Access opens it for this application, and for no other team, audience, time or key', async () => {
  expect((await byAccess(assertion({}))).status).toBe(200);
  const other = await generateKeyPair('ES256');
  const forged = new SignJWT({ sub: 'user', iat: NOW / 1000, exp: NOW / 1000 + 60, iss: TEAM, aud: [AUDIENCE] })
    .setProtectedHeader({ alg: 'ES256', kid: 'a1' })
    .sign(other.privateKey);
  const unsigned = `${btoa('{"alg":"none"}').replaceAll('=', '')}.${(await assertion({})).split('.')[1]}.`;
  for (const token of [
    assertion({ aud: ['b'.repeat(64)] }),
    assertion({ iss: 'https://other.cloudflareaccess.com' }),
    assertion({ exp: NOW / 1000 - 1 }),
    assertion({ sub: '' }),
    assertion({}, 'a2'),
    forged,
    unsigned,
    'x',
  ])
    expect(await reasonOf(await byAccess(token))).toEqual([401, 'access-token']);
});

it('a wrong operator key is not saved by a good Access token', async () => {
  const headers = { Authorization: 'Bearer wrong', 'Cf-Access-Jwt-Assertion': await assertion({}) };
  expect(await reasonOf(await get('policy', headers))).toEqual([401, 'operator-key']);
});

it('half an Access setting does not start', () => {
  expect(accessOf(undefined, undefined)).toBeNull();
  expect(() => accessOf('team', undefined)).toThrow('belong together');
  expect(() => accessOf('team', 'short')).toThrow('belong together');
  expect(accessOf('team', AUDIENCE)).toEqual({ team: 'team', audience: AUDIENCE });
});

it('devices and certificates are found by what the index holds', async () => {
  const other = DEVICE.replace(/^./, 'z');
  await db.certificates.index(row('01'));
  await db.certificates.index(row('02', { status: 'revoked', reason: 'owner: lost', notAfter: NOW + 2 * DAY }));
  await db.certificates.index(row('03', { device: other, notAfter: NOW - 1 }));
  const certificates = async (query: string) => {
    const body = (await (await get(`certificates?${query}`)).json()) as { certificates: CertificateRow[] };
    return body.certificates.map(({ serial }) => serial);
  };
  expect(await certificates(`device=${DEVICE}`)).toEqual(['01', '02']);
  expect(await certificates(`account=${ACCOUNT}&status=revoked`)).toEqual(['02']);
  expect(await certificates('serial=03')).toEqual(['03']);
  expect(await certificates('after=01')).toEqual(['02', '03']);
  expect(await (await get('devices')).json()).toEqual({
    devices: [
      { device: DEVICE, account: ACCOUNT, status: 'revoked', statusAt: NOW, certificates: 2, notAfter: NOW + 2 * DAY },
      { device: other, account: ACCOUNT, status: 'active', statusAt: NOW, certificates: 1, notAfter: NOW - 1 },
    ],
    next: null,
  });
  expect(await reasonOf(await get('devices?status=lost'))).toEqual([400, 'malformed-query']);
  const counters = (await (await get('counters')).json()) as { certificates: object; revocationList: object };
  expect(counters.certificates).toEqual({ accounts: 1, devices: 2, inForce: 1, ended: 1, revoked: 1, removed: 0 });
  expect(counters.revocationList).toEqual({ number: NOW, nextUpdate: NOW + DAY });
});

it('a verdict is shown with its checks, and the evidence itself is not', async () => {
  const hash = base64url(random(32));
  const verdict = { decision: 'accept', checks: [{ id: 'challenge', outcome: 'pass' }] };
  const kept = {
    account: ACCOUNT,
    device: DEVICE,
    format: 'tpm2',
    policy: 'standard-1',
    at: NOW,
    keepUntil: NOW + DAY,
    posture: false,
  };
  await db.evidence.put({ hash, ...kept, verdict: JSON.stringify(verdict), sealed: new Uint8Array([1, 2, 3]) });
  expect(await (await get(`verdicts/${hash}`)).json()).toEqual({ hash, ...kept, verdict });
  expect(await reasonOf(await get(`verdicts/${'A'.repeat(43)}`))).toEqual([404, 'no-such-evidence']);
  expect(await reasonOf(await get('verdicts/x'))).toEqual([400, 'malformed-query']);
});

it('a revocation is asked of the account, by the operator and with the request that the audit names', async () => {
  const body = { account: ACCOUNT, device: DEVICE, reason: ' stolen in transit ' };
  const response = await revoke(body);
  expect(await response.json()).toEqual({ account: ACCOUNT, device: DEVICE, status: 'revoked', statusAt: NOW });
  const request = response.headers.get('X-Request-Id');
  const command = { do: 'revoke', device: DEVICE, reason: 'stolen in transit', by: 'operator', request };
  expect(told).toEqual([{ to: ACCOUNT, body: command }]);
  const asked = (await feed('?types=operator.asked-revocation')).at(-1);
  expect(asked).toMatchObject({ subject: DEVICE, reason: 'stolen in transit', request, severity: 'notice' });
  expect(asked?.id).toMatch(/^operator\/key-[0-9a-f]{16}\/\d+$/);
  answer = { ok: false, reason: 'unknown-device' };
  expect(await reasonOf(await revoke(body))).toEqual([404, 'unknown-device']);
  expect(await reasonOf(await revoke({ ...body, reason: ' ' }))).toEqual([400, 'malformed-body']);
});

it('a refused action is written down with its reason, also when it was not understood', async () => {
  const post = (path: string, body: string, type = 'application/json') =>
    app.request(`/v1/admin/${path}`, { method: 'POST', headers: { ...bearer, 'Content-Type': type }, body });
  const body = { account: ACCOUNT, device: DEVICE, reason: 'lost' };
  const from = (await feed()).at(-1)?.cursor ?? 0;
  answer = { ok: false, reason: 'unknown-device' };
  const unknown = await revoke(body);
  await post('revocations', '{');
  await post('revocations', 'x', 'text/plain');
  await post('policy-trials', JSON.stringify({ policy: { base: 'none' } }));
  await post('holds', JSON.stringify({ hold: 'A'.repeat(43), decision: 'deny', reason: 'unknown' }));
  await post('nothing', '{}');
  const rows = await feed(`?after=${from}&types=operator.was-refused`);
  expect(rows.map(({ subject, reason }) => [subject, reason])).toEqual([
    [DEVICE, 'unknown-device'],
    ['/v1/admin/revocations', 'malformed-json'],
    ['/v1/admin/revocations', 'content-type'],
    ['/v1/admin/policy-trials', 'policy-malformed'],
    ['A'.repeat(43), 'no-such-hold'],
    ['/v1/admin/*', 'no-such-resource'],
  ]);
  expect(rows[0]).toMatchObject({ severity: 'notice', request: unknown.headers.get('X-Request-Id') });
  expect(rows[0]?.id).toMatch(/^operator\/key-[0-9a-f]{16}\/\d+$/);
});

it('nothing is written as refused of an action that was done, of one whose end is unknown, of a look, or for who is no operator', async () => {
  const body = { account: ACCOUNT, device: DEVICE, reason: 'lost' };
  const from = (await feed()).at(-1)?.cursor ?? 0;
  await revoke(body);
  await revoke(body, { Authorization: `Bearer ${KEY.slice(1)}` });
  await get('devices?status=lost');
  heard = false;
  expect((await revoke(body)).status).toBe(503);
  expect(await feed(`?after=${from}&types=operator.was-refused`)).toEqual([]);
});

it('a refusal that cannot be written down is answered as what was not done', async () => {
  let left = 1;
  events = {
    ...db.events,
    last: (actor, chain) => db.events.last(actor, chain),
    extend: async (row) => left-- > 0 && db.events.extend(row),
  };
  answer = { ok: false, reason: 'unknown-device' };
  const response = await revoke({ account: ACCOUNT, device: DEVICE, reason: 'lost' });
  expect(response.headers.get('Content-Type')).toBe('application/problem+json');
  expect(await reasonOf(response)).toEqual([503, 'audit']);
});

it('what cannot be written into the audit is not done', async () => {
  events = { ...db.events, last: async () => null, extend: async () => false };
  expect(await reasonOf(await revoke({ account: ACCOUNT, device: DEVICE, reason: 'x' }))).toEqual([503, 'audit']);
  expect(await reasonOf(await get('devices'))).toEqual([503, 'audit']);
  expect(told).toEqual([]);
});

it('each operator has one unbroken chain, also when many act at once', async () => {
  await Promise.all(Array.from({ length: 4 }, async () => get('devices')));
  await get('devices', { 'Cf-Access-Jwt-Assertion': await assertion({ sub: 'somebody' }) });
  const rows = await feed();
  const chains = Map.groupBy(rows, ({ id }) => id.slice(0, id.lastIndexOf('/')));
  expect(chains.size).toBe(2);
  for (const chain of chains.values())
    for (const [i, { cursor: _cursor, hash, ...fields }] of chain.entries()) {
      expect(fields.id.split('/').at(-1)).toBe(String(i + 1));
      expect(fields.previous).toBe(chain[i - 1]?.hash ?? '');
      expect(hash).toBe(eventHash(fields));
    }
});

it('the feed goes on after its cursor, and by type', async () => {
  const rows = await feed();
  const middle = rows[1]!.cursor;
  expect((await feed(`?after=${middle}`)).map(({ id }) => id)).toEqual(rows.slice(2).map(({ id }) => id));
  expect(await feed('?types=device.revoked')).toEqual([]);
  expect(await reasonOf(await get('events?after=x'))).toEqual([400, 'malformed-query']);
  expect((await get('events')).headers.get('Content-Type')).toBe('application/x-ndjson');
});
