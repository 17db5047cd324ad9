import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { configFor, type Deployment } from '../../demo/people.ts';
import { type HostName, startServer, type Server } from '../../demo/server.ts';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import { CLOSE } from '../../src/protocol/courier.ts';
import { CallsignClient, developmentAttester, enroll, type Sponsor } from '../../src/sdk/index.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { found, run } from '../support/program.ts';

const BOB = 'bob@example.com';
const secrets = await makeDevelopmentSecrets(Date.now());
const operatorKey = (JSON.parse(secrets.CALLSIGN_KEYS) as { operator: string }).operator;
const folder = mkdtempSync(join(tmpdir(), 'callsign-revocation-'));
let server: Server | null = null;
afterEach(() => server?.stop());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const url = () => server?.url ?? '';
const bytes = async (path: string) => new Uint8Array(await (await fetch(`${url()}${path}`)).arrayBuffer());

function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

interface Told {
  readonly client: CallsignClient;
  /** Code with which the courier was closed for good. */
  closed: number | null;
}

async function person(sponsor?: Sponsor): Promise<Told> {
  const deployment = (await (await fetch(`${url()}/v1/deployment`)).json()) as Deployment;
  const config = configFor(url(), deployment);
  const { identity } = await enroll(config, developmentAttester(config.crypto), sponsor ? { sponsor } : {});
  let online = () => {};
  const connected = new Promise<void>((resolve) => {
    online = resolve;
  });
  const told: Told = {
    closed: null,
    client: new CallsignClient(config, identity, {
      online,
      closed: (code) => {
        told.closed = code;
      },
    }),
  };
  await told.client.publishKeys();
  await told.client.connect();
  await connected;
  return told;
}

async function eventually<T>(what: string, look: () => Promise<T> | T, good: (seen: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; ;) {
    const seen = await look();
    if (good(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`${what}: still ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const skipped = !(
  found('openssl', 'openssl', 'a revoked certificate is refused by OpenSSL') &&
  found('certtool', 'gnutls-bin', 'a revoked certificate is refused by GnuTLS')
);

it.skipIf(skipped).each<HostName>(['deno', 'workerd'])(
  'a certificate is accepted by OpenSSL and GnuTLS; revoked, both refuse it, its courier is closed, its token refused, and lookups omit it: %s',
  async (host) => {
    server = await startServer(host, secrets, {});
    const alice = await person();
    const phone = await person();
    const tablet = await person(await phone.client.sponsor());
    await phone.client.refreshOwnChain();
    await phone.client.addHandle(BOB, async () => {
      const answer = await fetch(`${url()}/v1/development/inbox?handle=${encodeURIComponent(`mail1:${BOB}`)}`);
      return ((await answer.json()) as { code: string }).code;
    });
    const { account, device, chain } = tablet.client.identity;
    const [leaf, issuing] = chain;
    const roots = await bytes('/v1/pki/ca');
    const root = file(
      'root.pem',
      `-----BEGIN CERTIFICATE-----${Buffer.from(roots).toString().split('-----BEGIN CERTIFICATE-----')[2]}`,
    );
    const untrusted = file('issuing.pem', pem('CERTIFICATE', issuing!));
    const own = file('leaf.pem', pem('CERTIFICATE', leaf!));
    const whole = file('whole.pem', pem('CERTIFICATE', leaf!) + Buffer.from(roots).toString());
    const list = async () => file('list.crl', pem('X509 CRL', await bytes('/v1/pki/crl')));
    const openssl = async () =>
      run('openssl', [
        ...'verify -x509_strict -crl_check -purpose sslclient -CAfile'.split(' '),
        root,
        '-untrusted',
        untrusted,
        '-CRLfile',
        await list(),
        own,
      ]);
    const certtool = async () =>
      run('certtool', ['--verify', '--load-ca-certificate', root, '--load-crl', await list(), '--infile', whole]);
    const callable = async () => (await alice.client.find(BOB))?.devices.map((one) => one.device).toSorted();

    expect(await openssl()).toMatchObject({ code: 0, output: expect.stringContaining('leaf.pem: OK') });
    expect(await certtool()).toMatchObject({ code: 0, output: expect.stringContaining('The certificate is trusted') });
    expect(await callable()).toEqual([phone.client.identity.device, device].toSorted());
    expect(await tablet.client.history()).toEqual([]);

    const revoked = await fetch(`${url()}/v1/admin/revocations`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${operatorKey}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ account, device, reason: 'lost' }),
    });
    expect(revoked.status).toBe(200);

    const { output } = await eventually('openssl', openssl, ({ code }) => code !== 0);
    expect(output).toContain('certificate revoked');
    expect(await certtool()).toMatchObject({ code: 1, output: expect.stringContaining('revoked') });
    await eventually(
      'courier',
      () => tablet.closed,
      (code) => code === CLOSE.revoked,
    );
    await expect(tablet.client.history()).rejects.toMatchObject({ code: 'refused', reason: 'device-revoked' });
    expect(await callable()).toEqual([phone.client.identity.device]);

    // An owner's own: the phone takes itself out, and nobody of the account is left to ring.
    const answer = await phone.client.revokeDevice(phone.client.identity.device, 'replaced');
    expect(answer.status).toBe('revoked');
    await eventually(
      'courier',
      () => phone.closed,
      (code) => code === CLOSE.revoked,
    );
    expect((await alice.client.find(BOB))?.devices ?? []).toEqual([]);
    for (const one of [alice, phone, tablet]) one.client.close();
  },
);
