/** Policy `inventory`: hardware that the operator lists enrolls, any other waits for a yes or is refused. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import { type Policy, policies } from '../../src/attestation/index.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { androidKeystoreAttester, defaultConfig, enroll, memoryStore, webCrypto } from '../../src/sdk/index.ts';
import * as phone from '../attestation/support/android-chain.ts';
import * as ca from '../attestation/support/ca.ts';
import { makeChain } from '../attestation/support/chain.ts';
import { signer } from '../support/enrolling.ts';
import { inProcess, ORIGIN } from '../support/in-process.ts';

const DAY = 86_400_000;
const place = await inProcess();
afterAll(() => place.stop());
const store = phone.trust({ fetchedAt: place.simulator.now, entries: new Map() });
const trust = { base: store, current: async () => store, reload: async () => store };
const { android } = policies.standard;
const asking = (inventory: Policy['inventory']): Policy => ({
  ...policies.standard,
  inventory,
  android: { ...android, applications: 'any', statusListMaxAgeMs: 30 * DAY },
});
let policy = asking('prefer');
let later = 0;
const now = () => place.simulator.now + later;
const services = await place.services({ trust, now });
const KEY = base64url(crypto.getRandomValues(new Uint8Array(32)));
const app = createApp(() => ({ ...services, policy, operator: { key: KEY, access: null } }));
beforeEach(() => {
  policy = asking('prefer');
  later = 0;
});

async function operator(path: string, body?: object): Promise<Record<string, unknown>> {
  const headers = { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' };
  const init = body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers };
  const answer = await app.request(`/v1/admin/${path}`, init);
  return { status: answer.status, ...((await answer.json()) as object) };
}
interface Hold {
  readonly id: string;
  readonly device: string;
  readonly state: string;
}
const holds = async () => (await operator('holds'))['holds'] as Hold[];
const decide = (hold: string, decision: 'approve' | 'deny') => operator('holds', { hold, decision, reason: 'seen' });

/** What the last phone asked for its certificate. */
let asked: object = {};
const send = (body: object) =>
  app.request('/v1/enrollments', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
const reasonOf = async (answer: Response) => ((await answer.json()) as { reason: string }).reason;

function phoneEnrolls(held?: () => Promise<void>) {
  const own = {
    deployment: services.deployment.id,
    origin: ORIGIN,
    roots: [services.keys.root.slice()],
    crypto: webCrypto(),
  };
  const fetch = async (url: string, init: RequestInit) => {
    const path = url.slice(ORIGIN.length);
    if (path === '/v1/enrollments') asked = JSON.parse(init.body as string) as object;
    return app.request(path, init);
  };
  const config = { ...defaultConfig({ ...own, store: memoryStore() }), now, fetch };
  const attester = androidKeystoreAttester(async (challenge) => {
    const key = await ca.makeKey();
    const { ders } = await makeChain(phone.remote(phone.leaf({ challenge }, { key })));
    return { ...signer(key), certificateChain: ders };
  });
  return enroll(config, attester, held ? { held } : {});
}

describe('hardware that is not listed', () => {
  it('waits for the operator’s yes under `prefer`, and goes on with it', async () => {
    let device = '';
    const { identity } = await phoneEnrolls(async () => {
      const waiting = (await holds()).find(({ state }) => state === 'asked');
      device = waiting!.device;
      expect(await decide(waiting!.id, 'approve')).toMatchObject({ status: 200, state: 'approved' });
    });
    expect(identity.device).toBe(device);
    const told = await place.db.events.after(0, ['enrollment.held', 'operator.decided-hold'], 10);
    expect(told.map(({ row }) => row.type)).toEqual(['enrollment.held', 'operator.decided-hold']);
  });

  it('keeps its place for seven days, with the very same request and no other', async () => {
    await expect(phoneEnrolls()).rejects.toMatchObject({ reason: 'held' });
    const waiting = (await holds()).find(({ state }) => state === 'asked')!;
    expect(await reasonOf(await send(asked))).toBe('held');
    await decide(waiting.id, 'approve');
    expect(await reasonOf(await send({ ...asked, csr: 'AAAA' }))).toBe('csr-malformed');
    later = DAY;
    await place.db.challenges.sweep(now());
    const { evidence } = asked as { evidence: object };
    expect(await reasonOf(await send({ ...asked, evidence: { ...evidence, more: 1 } }))).toBe('challenge-used');
    later = 7 * DAY;
    expect(await reasonOf(await send(asked))).toBe('challenge-expired');
    later = 7 * DAY - 1000;
    expect((await send(asked)).status).toBe(201);
  });

  it('is refused after a no, and under `require`', async () => {
    await expect(phoneEnrolls()).rejects.toMatchObject({ reason: 'held' });
    await decide((await holds()).find(({ state }) => state === 'asked')!.id, 'deny');
    expect(await reasonOf(await send(asked))).toBe('policy');
    policy = asking('require');
    await expect(phoneEnrolls()).rejects.toMatchObject({ reason: 'policy' });
    expect(await decide('A'.repeat(43), 'approve')).toMatchObject({ status: 404, reason: 'no-such-hold' });
  });

  it('that a list condemned meanwhile is refused in spite of a yes', async () => {
    await expect(phoneEnrolls()).rejects.toMatchObject({ reason: 'held' });
    await decide((await holds()).find(({ state }) => state === 'asked')!.id, 'approve');
    const entries = new Map([['abcd', { status: 'REVOKED', reason: 'KEY_COMPROMISE' } as const]]);
    const before = store.androidStatus;
    Object.assign(store, { androidStatus: { fetchedAt: place.simulator.now, entries } });
    expect(await reasonOf(await send(asked))).toBe('revoked');
    Object.assign(store, { androidStatus: before });
  });
});

it('hardware that is listed enrolls at once, until it is taken off', async () => {
  policy = asking('require');
  const batch = { kind: 'serial', value: 'abcd' };
  expect(await operator('inventory', { add: [batch] })).toMatchObject({ status: 200, listed: 1 });
  expect((await phoneEnrolls()).identity.device).toMatch(/^[a-z2-7]{26}$/);
  expect(await operator('inventory', { remove: [batch] })).toMatchObject({ listed: 0 });
  await expect(phoneEnrolls()).rejects.toMatchObject({ reason: 'policy' });
});
