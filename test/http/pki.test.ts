import { beforeAll, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import type { CertificateRow, RevocationListRow } from '../../src/db/repositories.ts';
import type { Services } from '../../src/http/services.ts';
import { acceptRevocationList } from '../../src/identity/revocation.ts';
import { NOW, settled, world, type World } from '../support/authority.ts';
import { found, run } from '../support/program.ts';

const DAY = 86_400_000;
const row = (serial: string, part: Partial<CertificateRow> = {}): CertificateRow => {
  const fixed = { account: null, device: 'd', evidence: null, issuer: null, statusAt: NOW - 1000, notAfter: NOW + DAY };
  return { serial, ...fixed, status: 'revoked', reason: 'operator: lost', ...part };
};

let ca: World;
let at = NOW;
let asked: number[] = [];
let rows: CertificateRow[] = [];
const kept: RevocationListRow[] = [];
let app: ReturnType<typeof createApp>;
beforeAll(async () => {
  ca = await world();
  const services = {
    deployment: { origin: 'https://calls.example', allowedOrigins: [] },
    keys: { issuer: ca.issuer, issuers: [ca.issuer], root: ca.root },
    db: {
      certificates: {
        async revoked(endedAfter: number) {
          asked.push(endedAfter);
          return rows;
        },
      },
      revocationLists: {
        latest: async () => kept.at(-1) ?? null,
        async put(list: RevocationListRow) {
          if (kept.some(({ number }) => number === list.number)) return false;
          kept.push(list);
          return true;
        },
      },
    },
    now: () => at,
    random: (length: number) => new Uint8Array(length),
    log: () => {},
  } as unknown as Services;
  app = createApp(() => services);
});

const get = async (path: string) => {
  const answer = await app.request(path);
  return { type: answer.headers.get('Content-Type'), bytes: new Uint8Array(await answer.arrayBuffer()) };
};
const list = async () => {
  const { bytes } = await get('/v1/pki/crl');
  return settled(acceptRevocationList(bytes, [ca.authority.issuing.certificate], [ca.root], at));
};

it('the list names what the index has revoked, also of dormant devices, with why', async () => {
  rows = [row('0a'), row('0b', { status: 'removed', reason: null }), row('0c', { reason: 'condemned: list' })];
  const { revoked, nextUpdate, thisUpdate, number } = await list();
  expect([...revoked]).toEqual([
    ['a', { at: NOW - 1000, reason: 9 }],
    ['b', { at: NOW - 1000, reason: 5 }],
    ['c', { at: NOW - 1000, reason: 1 }],
  ]);
  expect([nextUpdate - thisUpdate, number]).toEqual([DAY, NOW]);
  expect(asked).toEqual([NOW - 91 * DAY]);
});

it('is asked of the index once a second at most, and stays the same list while nothing was revoked', async () => {
  asked = [];
  at = NOW + 1000;
  const [first] = await Promise.all([list(), list(), list()]);
  expect([asked.length, first.number]).toEqual([1, NOW]);
  at = NOW + DAY / 2 - 1000;
  expect((await list()).number).toBe(NOW);
});

it('a revocation makes the next list, whose number is higher even when the clock went back', async () => {
  at = NOW - 5000;
  rows = [...rows, row('0d', { statusAt: at })];
  const next = await list();
  expect([next.number, next.revoked.has('d')]).toEqual([NOW + 1, true]);
});

it('a list with half its life behind it is followed by a new one', async () => {
  at = NOW + DAY / 2 + 1000;
  const { number, nextUpdate } = await list();
  expect([number, nextUpdate]).toEqual([at, at + DAY]);
});

it('when another maker took the number, what that one did not know is still in the list', async () => {
  at += 10_000;
  rows = [...rows, row('0e', { statusAt: at })];
  const before = kept.at(-1);
  kept.push({ ...before!, number: at, digest: 'of another maker' });
  const { number, revoked } = await list();
  expect([number, revoked.has('e')]).toEqual([at + 1, true]);
});

it('the chain is PEM and the issuing certificate DER', async () => {
  const chain = await get('/v1/pki/ca');
  expect([chain.type, new TextDecoder().decode(chain.bytes).match(/BEGIN CERTIFICATE/g)?.length]).toEqual([
    'application/pem-certificate-chain',
    2,
  ]);
  const issuing = await get('/v1/pki/issuing.cer');
  expect(issuing).toEqual({ type: 'application/pkix-cert', bytes: ca.authority.issuing.certificate });
});

it.skipIf(!found('openssl', 'openssl', 'openssl reads the chain and the list as they are served'))(
  'openssl reads both',
  async () => {
    const chain = new TextDecoder().decode((await get('/v1/pki/ca')).bytes);
    expect(run('openssl', ['x509', '-noout', '-subject'], chain).output).toContain('Test issuing CA');
    const crl = Buffer.from((await get('/v1/pki/crl')).bytes).toString('base64');
    const text = `-----BEGIN X509 CRL-----\n${crl.replace(/(.{64})/g, '$1\n')}\n-----END X509 CRL-----\n`;
    expect(run('openssl', ['crl', '-noout', '-text'], text).output).toContain('Privilege Withdrawn');
  },
);
