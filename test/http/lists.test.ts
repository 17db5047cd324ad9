import { beforeAll, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import type { Services } from '../../src/http/services.ts';
import { TrustInForce } from '../../src/jobs/lists/in-force.ts';
import { TEST_NOW } from '../attestation/support/ca.ts';
import { openDatabase } from '../jobs/database.ts';
import { metadataService, statusList } from '../jobs/mds.ts';

const KEY = base64url(crypto.getRandomValues(new Uint8Array(32)));
const DEVICE = 'a'.repeat(26);
const db = openDatabase();
const service = await metadataService();
const trust = new TrustInForce(service.trust, db.lists, () => TEST_NOW);
let app: ReturnType<typeof createApp>;
beforeAll(() => {
  const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
  const parts = { db, trust, random, now: () => TEST_NOW, log: () => {}, operator: { key: KEY, access: null } };
  app = createApp(() => ({ ...parts, deployment: { origin: 'https://calls.example' } }) as unknown as Services);
});

async function send(path: string, body?: object, key = KEY) {
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' };
  const init = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) };
  const response = await app.request(`/v1/admin/${path}`, init);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
const audited = async () => (await db.events.after(0, null, 100)).map(({ row }) => row.type);

it('a list from a file is in force at once, and written into the audit; nobody else brings one', async () => {
  const list = base64url(statusList({ a: { status: 'REVOKED', reason: 'KEY_COMPROMISE' } }));
  const request = { name: 'android-status', fetchedAt: TEST_NOW - 1, list };
  expect(await send('lists', request, 'x')).toMatchObject({ status: 401 });
  await trust.current();
  expect(await send('lists', request)).toMatchObject({ status: 200, body: { version: TEST_NOW - 1, changed: true } });
  expect((await trust.current()).androidStatus).toMatchObject({ fetchedAt: TEST_NOW - 1 });
  expect(await audited()).toEqual(['operator.imported-list', 'list.imported']);
});

it('a list that was not signed by its publisher, or goes back, is refused with the reason', async () => {
  const list = base64url(await (await metadataService()).sign(1, []));
  expect(await send('lists', { name: 'mds', fetchedAt: TEST_NOW, list })).toMatchObject({
    status: 422,
    body: { reason: 'list-refused', why: 'untrusted-root' },
  });
  const empty = base64url(statusList({}));
  expect(await send('lists', { name: 'android-status', fetchedAt: 1, list: empty })).toMatchObject({
    status: 422,
    body: { why: 'rollback' },
  });
});

it('a held run is shown and decided once', async () => {
  const start = { kind: 'mds', version: '7', startedAt: 1, pass: 1, cursorAt: 0, cursorId: '', judged: 1, unclear: 0 };
  await db.rejudging.begin({ ...start, id: 'mds/7/0', state: 'held' });
  const finding = { evidence: 'e', account: 'a', device: DEVICE, reason: 'revoked-by-list' };
  await db.rejudging.advance({ ...start, id: 'mds/7/0', state: 'held' }, [finding]);
  expect((await send('runs')).body).toMatchObject({ runs: [{ id: 'mds/7/0', state: 'held' }] });
  const decide = (decision: string, run = 'mds/7/0') =>
    send('runs', { run, decision, devices: [DEVICE], reason: 'seen' });
  expect(await decide('show', 'mds/8/0')).toMatchObject({ status: 404, body: { reason: 'no-such-run' } });
  expect((await decide('show')).body).toMatchObject({ findings: [{ ...finding, state: 'found' }] });
  expect((await decide('narrow')).body).toMatchObject({ run: { state: 'open' }, findings: [{ state: 'spared' }] });
  expect(await decide('release')).toMatchObject({ status: 409, body: { reason: 'run-not-held' } });
  expect((await audited()).filter((type) => type === 'operator.decided-run')).toHaveLength(4);
});
