import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fromBase64url } from '../../src/bytes/base64url.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import type { PushMessage } from '../../src/push/port.ts';
import { type PushConfig, openPush } from '../../src/push/open.ts';
import { encrypt } from '../../src/push/web/encrypt.ts';
import type { PushSubscription } from '../../src/protocol/push.ts';
import { receiver } from './rfc8291.ts';
import { type PushServices, startPushServices } from './services.ts';

let services: PushServices;
beforeAll(async () => {
  services = await startPushServices();
});
afterAll(() => services.stop());
beforeEach(() => {
  services.pushed.length = 0;
  services.violations.length = 0;
  services.answers.length = 0;
});

const vapid = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
const TAG = 'A'.repeat(31) + 'B';
const APNS_TOKEN = 'ab'.repeat(32);
const message = (): PushMessage => ({ tag: TAG, until: Date.now() + 30_000 });

function config(): PushConfig {
  const { apns, account, url } = services;
  return {
    web: { key: vapid as never, contact: 'mailto:ops@example.com', hosts: [], loopback: true },
    apns: {
      team: apns.team,
      kid: apns.kid,
      key: apns.key,
      topics: [apns.topic],
      origins: { production: url, sandbox: url },
    },
    fcm: {
      project: account.project_id,
      account: account.client_email,
      key: account.private_key,
      kid: null,
      origin: url,
      tokens: `${url}/token`,
    },
  };
}

const push = () => openPush(config(), (url, init) => fetch(url, init));
const web = (): PushSubscription => ({ kind: 'web', ...services.subscribe() });
const voip = (): PushSubscription => ({
  kind: 'apns',
  token: APNS_TOKEN,
  topic: services.apns.topic,
  push: 'voip',
  environment: 'production',
});
const fcm = (): PushSubscription => ({ kind: 'fcm', token: 'f:cm_token-0123456789' });

describe('encryption of Web Push', () => {
  /** RFC 8291, appendix A. */
  const vector = {
    plaintext: 'When I grow up, I want to be a watermelon',
    senderPublic: 'BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8',
    senderPrivate: 'yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw',
    receiverPublic: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
    receiverPrivate: 'q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94',
    auth: 'BTBZMqHH6r4Tts7J_aSIgg',
    salt: 'DGv6ra1nlYgDCS1FRnbzlw',
    message:
      'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
  };
  const bytes = (text: string) => fromBase64url(text)!;

  it('makes the message of RFC 8291, appendix A', async () => {
    const point = bytes(vector.senderPublic);
    const jwk = {
      kty: 'EC',
      crv: 'P-256',
      x: Buffer.from(point.subarray(1, 33)).toString('base64url'),
      y: Buffer.from(point.subarray(33)).toString('base64url'),
    };
    const curve = { name: 'ECDH', namedCurve: 'P-256' };
    const pair = {
      publicKey: await crypto.subtle.importKey('jwk', jwk, curve, true, []),
      privateKey: await crypto.subtle.importKey('jwk', { ...jwk, d: vector.senderPrivate }, curve, true, [
        'deriveBits',
      ]),
    };
    const to = { p256dh: bytes(vector.receiverPublic), auth: bytes(vector.auth) };
    const made = await encrypt(utf8(vector.plaintext), to, { pair, salt: bytes(vector.salt) });
    expect(Buffer.from(made).toString('base64url')).toBe(vector.message);
  });

  it('is undone by the independent receiver, which opens the same vector', () => {
    const reader = receiver({ privateKey: vector.receiverPrivate, auth: vector.auth });
    expect(reader.p256dh).toBe(vector.receiverPublic);
    expect(reader.open(bytes(vector.message)).toString()).toBe(vector.plaintext);
  });

  it('opens nowhere else: another receiver, and one bit changed, read nothing', async () => {
    expect(() => receiver().open(bytes(vector.message))).toThrow(/authenticate/);
    const reader = receiver({ privateKey: vector.receiverPrivate, auth: vector.auth });
    const spoilt = bytes(vector.message);
    spoilt[spoilt.length - 1]! ^= 1;
    expect(() => reader.open(spoilt)).toThrow(/authenticate/);
  });
});

describe('each push service', () => {
  it.each([
    ['Web Push', web],
    ['APNs', voip],
    ['FCM', fcm],
  ])('%s takes what is sent, held to its protocol by independent code', async (_, subscription) => {
    expect(await push().send(subscription(), message(), Date.now())).toEqual({ outcome: 'accepted' });
    expect(services.violations).toEqual([]);
    expect(services.pushed.map(({ tag }) => tag)).toEqual([TAG]);
  });

  it('APNs background pushes have their own topic and priority', async () => {
    const to = { ...voip(), push: 'background', environment: 'sandbox' } as PushSubscription;
    expect(await push().send(to, message(), Date.now())).toEqual({ outcome: 'accepted' });
    expect(services.violations).toEqual([]);
    expect(services.pushed[0]?.headers).toMatchObject({ 'apns-push-type': 'background', 'apns-priority': '5' });
  });

  it('Web Push says how long a ring goes on, that it is urgent, and replaces the same ring', async () => {
    await push().send(web(), message(), Date.now());
    expect(services.pushed[0]?.headers).toMatchObject({ urgency: 'high', topic: TAG });
    expect(Number(services.pushed[0]?.headers['ttl'])).toBeLessThanOrEqual(30);
    expect(Number(services.pushed[0]?.headers['ttl'])).toBeGreaterThan(20);
  });

  it('is shown one token for many pushes', async () => {
    const before = services.granted;
    const port = push();
    for (const to of [fcm(), fcm(), voip(), voip(), web(), web()]) await port.send(to, message(), Date.now());
    expect(services.granted - before).toBe(1);
    const apns = services.pushed.filter(({ service }) => service === 'apns');
    expect(new Set(apns.map(({ headers }) => headers['authorization'])).size).toBe(1);
    const browsers = services.pushed.filter(({ service }) => service === 'web');
    expect(new Set(browsers.map(({ headers }) => headers['authorization'])).size).toBe(1);
  });

  it('makes a new APNs token after 40 minutes', async () => {
    const port = push();
    await port.send(voip(), message(), Date.now() - 41 * 60_000);
    await port.send(voip(), message(), Date.now());
    expect(services.pushed.map(({ headers }) => headers['authorization']).length).toBe(2);
    expect(new Set(services.pushed.map(({ headers }) => headers['authorization'])).size).toBe(2);
  });
});

describe('an answer', () => {
  const error = (errorCode: string) => ({ error: { details: [{ errorCode }] } });
  const badToken = {
    error: { details: [{ errorCode: 'INVALID_ARGUMENT' }, { fieldViolations: [{ field: 'message.token' }] }] },
  };
  it.each([
    ['web', 201, undefined, { outcome: 'accepted' }],
    ['web', 404, undefined, { outcome: 'gone' }],
    ['web', 410, undefined, { outcome: 'gone' }],
    ['web', 429, undefined, { outcome: 'retry', retryAfterMs: 7_000, detail: 'status-429' }],
    ['web', 503, undefined, { outcome: 'retry', retryAfterMs: 7_000, detail: 'status-503' }],
    ['web', 403, undefined, { outcome: 'misconfigured', detail: 'status-403' }],
    ['web', 301, undefined, { outcome: 'misconfigured', detail: 'status-301' }],
    ['apns', 410, { reason: 'Unregistered' }, { outcome: 'gone' }],
    ['apns', 400, { reason: 'BadDeviceToken' }, { outcome: 'gone' }],
    ['apns', 400, { reason: 'BadTopic' }, { outcome: 'misconfigured', detail: 'BadTopic' }],
    ['apns', 404, { reason: 'BadPath' }, { outcome: 'misconfigured', detail: 'BadPath' }],
    ['apns', 403, { reason: 'InvalidProviderToken' }, { outcome: 'misconfigured', detail: 'InvalidProviderToken' }],
    [
      'apns',
      403,
      { reason: 'ExpiredProviderToken' },
      { outcome: 'retry', retryAfterMs: 0, detail: 'ExpiredProviderToken' },
    ],
    ['apns', 429, { reason: 'TooManyRequests' }, { outcome: 'retry', retryAfterMs: 7_000, detail: 'TooManyRequests' }],
    ['apns', 500, '<html>', { outcome: 'retry', retryAfterMs: 7_000, detail: 'status-500' }],
    ['fcm', 404, error('UNREGISTERED'), { outcome: 'gone' }],
    ['fcm', 400, badToken, { outcome: 'gone' }],
    ['fcm', 400, error('INVALID_ARGUMENT'), { outcome: 'misconfigured', detail: 'INVALID_ARGUMENT' }],
    ['fcm', 403, error('SENDER_ID_MISMATCH'), { outcome: 'misconfigured', detail: 'SENDER_ID_MISMATCH' }],
    ['fcm', 429, error('QUOTA_EXCEEDED'), { outcome: 'retry', retryAfterMs: 7_000, detail: 'status-429' }],
    ['fcm', 401, {}, { outcome: 'retry', retryAfterMs: 0, detail: 'access-token' }],
  ] as const)('of %s, %d %j, means %j', async (kind, status, body, meant) => {
    services.answers.push({ status, body, headers: { 'Retry-After': '7', Location: `${services.url}/elsewhere` } });
    const before = services.requests;
    const to = { web, apns: voip, fcm }[kind]();
    expect(await push().send(to, message(), Date.now())).toEqual(meant);
    expect(services.requests - before).toBe(1);
  });

  it('that does not come is a retry, within a time', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const to = { kind: 'web', ...services.subscribe(), endpoint: `http://127.0.0.1:${port}/` } as PushSubscription;
    expect(await push().send(to, message(), Date.now())).toMatchObject({ outcome: 'retry', detail: 'no-answer' });
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
    expect(await push().send(to, message(), Date.now())).toMatchObject({ outcome: 'retry', detail: 'no-answer' });
  });
});

describe('where pushes go', () => {
  const production = () =>
    openPush({ ...config(), web: { ...config().web!, loopback: false, hosts: ['push.example'] } }, () =>
      Promise.reject(new Error('nothing is fetched')),
    );
  const problem = (endpoint: string) => production().problemOf({ kind: 'web', ...services.subscribe(), endpoint });

  it.each([
    'https://fcm.googleapis.com/fcm/send/abc',
    'https://updates.push.services.mozilla.com/wpush/v2/abc',
    'https://wns2-am3p.notify.windows.com/w/?token=abc',
    'https://web.push.apple.com/abc',
    'https://push.example/abc',
  ])('%s is a push service', async (endpoint) => {
    expect(await problem(endpoint)).toBe(null);
  });

  it.each([
    'http://fcm.googleapis.com/fcm/send/abc',
    'https://fcm.googleapis.com:8443/abc',
    'https://user:pass@fcm.googleapis.com/abc',
    'https://fcm.googleapis.com.evil.example/abc',
    'https://evil-push.example/abc',
    'https://sub.push.example/abc',
    'https://notify.windows.com.evil.example/',
    'https://127.0.0.1/abc',
    'http://127.0.0.1:8787/v1/admin/devices',
    'http://localhost/',
    'https://[::1]/',
    'https://10.0.0.1/',
    'https://169.254.169.254/latest/meta-data',
    'https://metadata.google.internal/',
    'file:///etc/passwd',
    'data:text/plain,a',
  ])('%s is none in production, and nothing is sent there', async (endpoint) => {
    expect(await problem(endpoint)).toBe('push-endpoint');
    const to: PushSubscription = { kind: 'web', ...services.subscribe(), endpoint };
    const sent = await production().send(to, message(), Date.now());
    expect(sent).toEqual({ outcome: 'misconfigured', detail: 'push-endpoint' });
  });

  it('a key that is no point of the curve is refused', async () => {
    const p256dh = Buffer.concat([Buffer.of(4), Buffer.alloc(64, 7)]).toString('base64url');
    expect(await push().problemOf({ ...web(), p256dh } as PushSubscription)).toBe('push-key');
  });

  it('a bundle id that is not the deployment’s, and a kind that it has not, are refused', async () => {
    expect(await push().problemOf({ ...voip(), topic: 'com.example.other' } as PushSubscription)).toBe('push-topic');
    const none = openPush({ web: null, apns: null, fcm: null }, fetch);
    expect([none.kinds, none.vapidKey]).toEqual([[], null]);
    for (const to of [web(), voip(), fcm()]) {
      expect(await none.problemOf(to)).toBe('push-kind-off');
      expect(await none.send(to, message(), Date.now())).toEqual({ outcome: 'misconfigured', detail: 'push-kind-off' });
    }
  });
});
