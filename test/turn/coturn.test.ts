import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coturnCredentials } from '../../src/turn/coturn.ts';
import { ICE_LIFE_MS, openTurn } from '../../src/turn/open.ts';
import { type Coturn, coturnInstalled, startCoturn } from '../support/coturn.ts';
import { allocate } from './client.ts';

const SECRET = 'a secret shared with coturn';
const OLDER = 'the secret before that';
const USER = { account: 'a'.repeat(52), call: 'c0'.repeat(16) };

describe.skipIf(!coturnInstalled)('coturn', () => {
  let coturn: Coturn;
  beforeAll(async () => {
    coturn = await startCoturn({ secrets: [SECRET, OLDER] });
  });
  afterAll(() => coturn?.stop());

  const server = (transport: 'udp' | 'tcp' = 'udp') => ({ host: '127.0.0.1', port: coturn.port, transport });
  const soon = () => Date.now() + 60_000;

  it.each(['udp', 'tcp'] as const)('takes our credentials over %s and gives a relay', async (transport) => {
    const allocated = await allocate(server(transport), coturnCredentials(SECRET, USER, soon()));
    expect(allocated).toMatchObject({ code: 0, relayed: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
    expect(allocated.lifetime).toBeGreaterThan(0);
  });

  it('takes what a client is given, an hour ahead', async () => {
    const urls = [`turn:127.0.0.1:${coturn.port}?transport=udp`];
    const turn = openTurn({ coturn: { urls, secret: SECRET }, cloudflare: null }, fetch);
    const made = await turn.serversFor(USER, Date.now(), () => undefined);
    const [{ username = '', credential = '' } = {}] = made?.iceServers ?? [];
    expect(await allocate(server(), { username, credential })).toMatchObject({ code: 0 });
    expect(Number(username.split(':')[0]) * 1_000).toBeLessThanOrEqual(Date.now() + ICE_LIFE_MS);
  });

  it('refuses credentials that have ended', async () => {
    expect(await allocate(server(), coturnCredentials(SECRET, USER, Date.now() - 2_000))).toMatchObject({ code: 401 });
  });

  it('refuses forged ones: another secret, a longer life, another user, one character changed', async () => {
    const good = coturnCredentials(SECRET, USER, soon());
    const [end = '', user = ''] = good.username.split(':');
    const forged = [
      coturnCredentials('another secret', USER, soon()),
      { ...good, username: `${Number(end) + 3_600}:${user}` },
      { ...good, username: `${end}:${user.split('').toReversed().join('')}x` },
      { ...good, credential: `${good.credential.startsWith('A') ? 'B' : 'A'}${good.credential.slice(1)}` },
      { username: good.username, credential: '' },
    ];
    for (const credentials of forged) expect(await allocate(server(), credentials)).toMatchObject({ code: 401 });
  });

  it('takes those of an older secret that it still has, so that one can follow the other', async () => {
    expect(await allocate(server(), coturnCredentials(OLDER, USER, soon()))).toMatchObject({ code: 0 });
  });
});

describe('names at the relay', () => {
  const nameOf = (account: string, call: string | null, until: number) =>
    coturnCredentials(SECRET, { account, call }, until).username.split(':')[1];

  it('are the same for one account, call and hour, and have nothing in common beyond', () => {
    const hour = 1_800_000_000_000;
    const own = nameOf('alice', 'c1', hour);
    expect(nameOf('alice', 'c1', hour + 60_000)).toBe(own);
    const others = [
      nameOf('alice', 'c2', hour),
      nameOf('alice', null, hour),
      nameOf('bob', 'c1', hour),
      nameOf('alice', 'c1', hour + 3_600_000),
      nameOf('alicec', '1', hour),
    ];
    expect(new Set([own, ...others]).size).toBe(others.length + 1);
    for (const name of others) expect(name).toMatch(/^[A-Za-z0-9_-]{16}$/);
  });
});

describe('Cloudflare Realtime TURN', () => {
  const GIVEN = {
    iceServers: [
      { urls: ['stun:stun.cloudflare.com:3478', 'stun:stun.cloudflare.com:53'] },
      {
        urls: [
          'turn:turn.cloudflare.com:3478?transport=udp',
          'turn:turn.cloudflare.com:53?transport=udp',
          'turns:turn.cloudflare.com:443?transport=tcp',
        ],
        username: 'u',
        credential: 'c',
      },
    ],
  };
  let status = 201;
  let answer: unknown = GIVEN;
  let asked: { url?: string; authorization?: string; body: unknown }[] = [];
  const api = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      asked.push({ url: request.url!, authorization: request.headers.authorization!, body: JSON.parse(body) });
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    });
  });
  beforeAll(() => new Promise<void>((resolve) => void api.listen(0, '127.0.0.1', resolve)));
  afterAll(() => new Promise((resolve) => void api.close(resolve)));

  const failures: string[] = [];
  const ask = (coturn: { urls: string[]; secret: string } | null = null) => {
    const { port } = api.address() as { port: number };
    const cloudflare = { key: 'key1', token: 'token1', origin: `http://127.0.0.1:${port}` };
    failures.length = 0;
    asked = [];
    return openTurn({ coturn, cloudflare }, fetch).serversFor(USER, Date.now(), (why) => failures.push(why));
  };

  it('is asked as its API is documented, and what it gives goes to clients, without port 53', async () => {
    const made = await ask();
    expect(asked).toEqual([
      {
        url: '/v1/turn/keys/key1/credentials/generate-ice-servers',
        authorization: 'Bearer token1',
        body: { ttl: 3_600 },
      },
    ]);
    expect(made?.iceServers).toEqual([
      { urls: ['stun:stun.cloudflare.com:3478'] },
      {
        urls: ['turn:turn.cloudflare.com:3478?transport=udp', 'turns:turn.cloudflare.com:443?transport=tcp'],
        username: 'u',
        credential: 'c',
      },
    ]);
  });

  it.each([
    [403, {}, 'status-403'],
    [500, {}, 'status-500'],
    [201, { iceServers: 'none' }, 'unexpected-answer'],
    [201, { iceServers: [{ urls: ['javascript:alert(1)'] }] }, 'unexpected-answer'],
    [201, '<html>', 'no-answer'],
  ] as const)('that answers %d %j gives nothing, and the operator hears %s', async (said, body, why) => {
    [status, answer] = [said, body];
    expect(await ask()).toBe(null);
    expect(failures).toEqual([why]);
    const both = await ask({ urls: ['turn:turn.example:3478'], secret: SECRET });
    expect(both?.iceServers).toMatchObject([{ urls: ['turn:turn.example:3478'] }]);
    [status, answer] = [201, GIVEN];
  });

  it('with nothing configured, the list is empty and nothing failed', async () => {
    const none = openTurn({ coturn: null, cloudflare: null }, fetch);
    expect(await none.serversFor(USER, Date.now(), () => undefined)).toMatchObject({ iceServers: [] });
  });
});
