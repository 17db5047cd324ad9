import { beforeAll, describe, expect, it } from 'vitest';
import { type OutsideSettings, pushConfig, turnConfig } from './outside.ts';
import { makeKey, type Secrets } from './secrets.ts';

const NONE: OutsideSettings = { pushHosts: [], pushContact: null, iceUrls: [] };
const production = { environment: 'production', origin: 'https://calls.example' } as const;
const development = { environment: 'development', origin: 'http://127.0.0.1:8787' } as const;

async function pem(algorithm: RsaHashedKeyGenParams | EcKeyGenParams): Promise<string> {
  const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', pair.privateKey));
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`;
}

let [apple, google] = ['', ''];
let vapid: Awaited<ReturnType<typeof makeKey>>;
beforeAll(async () => {
  apple = await pem({ name: 'ECDSA', namedCurve: 'P-256' });
  google = await pem({
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 2_048,
    publicExponent: Uint8Array.of(1, 0, 1),
    hash: 'SHA-256',
  });
  vapid = await makeKey('vapid');
});

const apns = (more: object = {}) => ({
  team: 'TEAM000001',
  kid: 'KEY0000001',
  key: apple,
  topics: ['com.example'],
  ...more,
});
const fcm = (more: object = {}) => ({
  type: 'service_account',
  project_id: 'p-1',
  client_email: 'a@b.example',
  private_key: google,
  token_uri: 'https://oauth2.googleapis.com/token',
  ...more,
});
const secret = (name: 'CALLSIGN_PUSH' | 'CALLSIGN_TURN', value: unknown): Partial<Secrets> => ({
  [name]: typeof value === 'string' ? value : JSON.stringify(value),
});
const push = (
  value: unknown,
  settings: Partial<OutsideSettings> = {},
  place: typeof production | typeof development = production,
) => pushConfig({ ...NONE, ...settings }, value === null ? {} : secret('CALLSIGN_PUSH', value), vapid, place);
const turn = (
  value: unknown,
  iceUrls: readonly string[] = [],
  place: typeof production | typeof development = production,
) => turnConfig({ ...NONE, iceUrls }, value === null ? {} : secret('CALLSIGN_TURN', value), place);
const refused = (message: string | RegExp) => ({
  name: 'SecretsError',
  message: expect.stringMatching(message) as string,
});

describe('push services', () => {
  it('without a secret there is Web Push alone, without a VAPID key nothing', async () => {
    expect(await push(null)).toMatchObject({
      web: { contact: 'https://calls.example', loopback: false },
      apns: null,
      fcm: null,
    });
    expect(await pushConfig(NONE, {}, null, production)).toEqual({ web: null, apns: null, fcm: null });
    expect(await push(null, {}, development)).toMatchObject({ web: { contact: null, loopback: true } });
    expect(await push(null, { pushContact: 'mailto:ops@example.com' })).toMatchObject({
      web: { contact: 'mailto:ops@example.com' },
    });
  });

  it('what Apple and Google give is taken as it is, and asks Apple and Google', async () => {
    const { apns: a, fcm: f } = await push({ apns: apns(), fcm: fcm() });
    expect(a?.origins).toEqual({
      production: 'https://api.push.apple.com',
      sandbox: 'https://api.sandbox.push.apple.com',
    });
    expect(f).toMatchObject({ origin: 'https://fcm.googleapis.com', tokens: 'https://oauth2.googleapis.com/token' });
  });

  it.each([
    ['no JSON', () => '{', /^CALLSIGN_PUSH is not JSON\.$/],
    [
      'another shape',
      () => ({ apns: apns({ team: 'x' }) }),
      /^CALLSIGN_PUSH is not as docs\/operations\.md has it: apns\.team\.$/,
    ],
    ['the wrong key', () => ({ apns: apns({ key: google }) }), /^CALLSIGN_PUSH\.apns\.key is no private key for ES256/],
    [
      'the other wrong key',
      () => ({ fcm: fcm({ private_key: apple }) }),
      /^CALLSIGN_PUSH\.fcm\.private_key is no private key for RS256/,
    ],
    [
      'another Apple',
      () => ({ apns: apns({ origin: 'http://127.0.0.1:1' }) }),
      /^CALLSIGN_PUSH\.apns\.origin is for development/,
    ],
    [
      'another Google',
      () => ({ fcm: fcm({ token_uri: 'https://evil.example/token' }) }),
      /^CALLSIGN_PUSH\.fcm\.token_uri is for development/,
    ],
  ])('production refuses %s with a sentence', async (_, value, sentence) => {
    await expect(push(value())).rejects.toMatchObject(refused(sentence));
  });

  it('development takes stand-ins on the loopback, and nowhere else', async () => {
    const origin = 'http://127.0.0.1:9';
    const made = await push(
      { apns: apns({ origin }), fcm: fcm({ origin, token_uri: `${origin}/token` }) },
      {},
      development,
    );
    expect([made.apns?.origins.production, made.fcm?.origin, made.fcm?.tokens]).toEqual([
      origin,
      origin,
      `${origin}/token`,
    ]);
    const elsewhere = push({ apns: apns({ origin: 'http://10.0.0.1:9' }) }, {}, development);
    await expect(elsewhere).rejects.toMatchObject(refused(/loopback/));
  });

  it.each(['10.0.0.1', 'localhost', 'https://a.example', '*.example.com', '[::1]', 'a.example:8443'])(
    'PUSH_HOSTS does not name %s',
    async (host) => {
      await expect(push(null, { pushHosts: [host] })).rejects.toMatchObject(refused(/^PUSH_HOSTS holds /));
    },
  );

  it('PUSH_CONTACT is a way to reach somebody', async () => {
    for (const pushContact of ['ops@example.com', 'http://a.example', 'mailto:'])
      await expect(push(null, { pushContact })).rejects.toMatchObject(refused(/^PUSH_CONTACT must be/));
  });
});

describe('relays', () => {
  const urls = [
    'stun:turn.example:3478',
    'turn:turn.example:3478?transport=udp',
    'turns:turn.example:443?transport=tcp',
  ];

  it('are what is configured: nothing, STUN alone, coturn, Cloudflare, both', () => {
    expect(turn(null)).toEqual({ coturn: null, cloudflare: null });
    expect(turn(null, [urls[0]!])).toEqual({ coturn: { urls: [urls[0]], secret: null }, cloudflare: null });
    expect(turn({ coturn: 'x'.repeat(32), cloudflare: { key: 'k', token: 't' } }, urls)).toEqual({
      coturn: { urls, secret: 'x'.repeat(32) },
      cloudflare: { key: 'k', token: 't', origin: 'https://rtc.live.cloudflare.com' },
    });
  });

  it.each([
    [
      'a TURN server without its secret',
      () => turn(null, urls),
      /^ICE_URLS names a TURN server: CALLSIGN_TURN must hold `coturn`/,
    ],
    ['what is no URL of ICE', () => turn(null, ['https://turn.example']), /^ICE_URLS holds "https:\/\/turn\.example"/],
    ['credentials in a URL', () => turn({ coturn: 'x'.repeat(32) }, ['turn:u:p@turn.example']), /^ICE_URLS holds /],
    [
      'a short secret',
      () => turn({ coturn: 'short' }, urls),
      /^CALLSIGN_TURN is not as docs\/operations\.md has it: coturn\.$/,
    ],
    [
      'another Cloudflare',
      () => turn({ cloudflare: { key: 'k', token: 't', origin: 'https://evil.example' } }),
      /^CALLSIGN_TURN\.cloudflare\.origin is for development/,
    ],
  ])('production refuses %s with a sentence', (_, made, sentence) => {
    expect(made).toThrow(expect.objectContaining(refused(sentence)) as Error);
  });
});
