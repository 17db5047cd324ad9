import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shipEvents } from '../../src/jobs/events.ts';
import type { Actors } from '../../src/actors/port.ts';
import { createApp } from '../../src/app.ts';
import { makeProductionSecrets, openSecrets, rotateIssuing, SecretsError } from '../../src/hosts/secrets.ts';
import { readIdentity } from '../../src/identity/certificate.ts';
import {
  type ClientConfig,
  defaultConfig,
  developmentAttester,
  enroll,
  type Identity,
  memoryStore,
  webCrypto,
} from '../../src/sdk/index.ts';
import { renewIdentity } from '../../src/sdk/renew.ts';
import { inProcess, ORIGIN } from '../support/in-process.ts';
import { found, run } from '../support/program.ts';

const DAY = 86_400_000;
const begun = Date.now();
const made = await makeProductionSecrets('Example', begun - DAY);
const first = made.secrets.CALLSIGN_CA;
const place = await inProcess({ CALLSIGN_CA: first }, begun - 60_000);
const folder = mkdtempSync(join(tmpdir(), 'callsign-rotation-'));
afterAll(() => {
  place.stop();
  rmSync(folder, { recursive: true });
});

type App = ReturnType<typeof createApp>;

async function server(ca: string): Promise<App> {
  const services = await place.services({}, { CALLSIGN_CA: ca });
  return createApp(() => services);
}

let before: App;
let after: App;
let next: string;
let deployment: string;
beforeAll(async () => {
  next = (await rotateIssuing(first, made.rootKey, begun)).secret;
  [before, after] = [await server(first), await server(next)];
  deployment = (await place.services()).deployment.id;
});

function config(app: App): ClientConfig {
  const own = { deployment, origin: ORIGIN, roots: [made.root], crypto: webCrypto(), store: memoryStore() };
  return {
    ...defaultConfig(own),
    now: () => place.simulator.now,
    fetch: async (url, init) => app.request(url.slice(ORIGIN.length), init),
  };
}

async function enrolled(app: App): Promise<{ config: ClientConfig; identity: Identity }> {
  const own = config(app);
  const { identity } = await enroll(own, developmentAttester(own.crypto));
  return { config: own, identity };
}

async function revoke({ account, device }: Identity): Promise<void> {
  const to = { kind: 'account', name: account };
  await place.actors.command(to, `revoke ${device}`, { do: 'revoke', device, reason: 'lost', by: 'operator' });
  await shipEvents(place.actors as Actors, place.db)({ actor: to, key: 'events' }, 1);
}

function pem(name: string, label: string, der: Uint8Array): string {
  const text = Buffer.from(der)
    .toString('base64')
    .replace(/(.{1,64})/g, '$1\n');
  const path = join(folder, name);
  writeFileSync(path, `-----BEGIN ${label}-----\n${text}-----END ${label}-----\n`);
  return path;
}

/** Where the certificate itself says that its list and its issuer's certificate are. */
function pointers(leaf: Uint8Array): { list: string; issuer: string } {
  const text = run('openssl', ['x509', '-noout', '-text', '-in', pem('shown.pem', 'CERTIFICATE', leaf)]).output;
  const [, list = ''] = /CRL Distribution Points[^]*?URI:(\S+)/.exec(text) ?? [];
  const [, issuer = ''] = /CA Issuers - URI:(\S+)/.exec(text) ?? [];
  return { list: list.slice(ORIGIN.length), issuer: issuer.slice(ORIGIN.length) };
}

async function bytes(app: App, path: string): Promise<Uint8Array> {
  // A list of before is handed out for a second.
  await place.simulator.pass(1_000);
  const answer = await app.request(path);
  expect([path, answer.status]).toEqual([path, 200]);
  return new Uint8Array(await answer.arrayBuffer());
}

/** What OpenSSL and GnuTLS say of a certificate, with nothing but the root and what the certificate points to. */
async function judged(app: App, { chain }: Identity): Promise<{ openssl: string; certtool: string }> {
  const [leaf] = chain;
  const { list, issuer } = pointers(leaf!);
  const der = await bytes(app, issuer);
  const own = pem('leaf.pem', 'CERTIFICATE', leaf!);
  const root = pem('root.pem', 'CERTIFICATE', made.root);
  const untrusted = pem('issuer.pem', 'CERTIFICATE', der);
  const crl = pem('list.crl', 'X509 CRL', await bytes(app, list));
  const strict = 'verify -x509_strict -crl_check -purpose sslclient -CAfile'.split(' ');
  const openssl = run('openssl', [...strict, root, '-untrusted', untrusted, '-CRLfile', crl, own]);
  const whole = join(folder, 'whole.pem');
  writeFileSync(whole, run('cat', [own, untrusted, root]).output);
  const certtool = run('certtool', ['--verify', '--load-ca-certificate', root, '--load-crl', crl, '--infile', whole]);
  const word = ({ code, output }: { code: number | null; output: string }) =>
    code === 0 ? 'accepted' : output.includes('revoked') ? 'revoked' : output;
  return { openssl: word(openssl), certtool: word(certtool) };
}

const ACCEPTED = { openssl: 'accepted', certtool: 'accepted' };
const REVOKED = { openssl: 'revoked', certtool: 'revoked' };
const skipped = !(
  found('openssl', 'openssl', 'OpenSSL verifies over a rotation of the issuing CA') &&
  found('certtool', 'gnutls-bin', 'GnuTLS verifies over a rotation of the issuing CA')
);

describe.skipIf(skipped)('a rotation of the issuing CA', () => {
  it('before, while both are in use, and after: what either issued is accepted, and revoked by the list it points to', async () => {
    const [stays, goes] = [await enrolled(before), await enrolled(before)];
    expect(await judged(before, stays.identity)).toEqual(ACCEPTED);

    // While: an instance with the new secret and one with the old one issue beside each other.
    const [newer, older] = [await enrolled(after), await enrolled(before)];
    expect(pointers(newer.identity.chain[0]!).list).not.toBe(pointers(older.identity.chain[0]!).list);
    for (const { identity } of [stays, newer, older]) expect(await judged(after, identity)).toEqual(ACCEPTED);
    await revoke(goes.identity);
    expect(await judged(after, goes.identity)).toEqual(REVOKED);
    expect(await judged(before, goes.identity)).toEqual(REVOKED);

    // After: certificates of the old one are still good, and end in ones of the new.
    await revoke(newer.identity);
    expect(await judged(after, newer.identity)).toEqual(REVOKED);
    expect(await judged(after, stays.identity)).toEqual(ACCEPTED);
    const moved = { ...stays.config, fetch: config(after).fetch };
    const renewed = await renewIdentity(moved, stays.identity);
    expect(pointers(renewed.chain[0]!)).toEqual(pointers(newer.identity.chain[0]!));
    expect(await judged(after, renewed)).toEqual(ACCEPTED);
    expect(await judged(after, stays.identity)).toEqual(ACCEPTED);
  });

  it('a list names only what its own issuer issued', async () => {
    const [old, fresh] = [await enrolled(before), await enrolled(after)];
    for (const { identity } of [old, fresh]) await revoke(identity);
    const serials = async ({ identity }: { identity: Identity }) => {
      const list = pem('one.crl', 'X509 CRL', await bytes(after, pointers(identity.chain[0]!).list));
      return run('openssl', ['crl', '-noout', '-text', '-in', list]).output.toLowerCase();
    };
    const serialOf = ({ identity }: { identity: Identity }) => readIdentity(identity.chain[0]!)!.certificate.serial;
    expect(await serials(old)).toContain(serialOf(old));
    expect(await serials(old)).not.toContain(serialOf(fresh));
    expect(await serials(fresh)).toContain(serialOf(fresh));
    expect(await serials(fresh)).not.toContain(serialOf(old));
  });
});

describe('the secret of a rotation', () => {
  it('is read by both environments, and keeps the CA of before for as long as its list is needed', async () => {
    const given = { CALLSIGN_KEYS: made.secrets.CALLSIGN_KEYS };
    const opened = await openSecrets({ ...given, CALLSIGN_CA: next }, ORIGIN, 'production');
    expect(opened.keys.issuers).toHaveLength(2);
    expect(opened.keys.issuers[0]).toBe(opened.keys.issuer);
    const again = await rotateIssuing(next, made.rootKey, begun + 120 * DAY);
    expect(again.retired).toBe(0);
    const late = await rotateIssuing(next, made.rootKey, begun + 122 * DAY);
    expect(late.retired).toBe(1);
    const { keys } = await openSecrets({ ...given, CALLSIGN_CA: late.secret }, ORIGIN, 'production');
    expect(keys.issuers.map(({ certificate }) => certificate.serial)).not.toContain(
      opened.keys.issuers[1]?.certificate.serial,
    );
  });

  it('fits into what a platform keeps in one, four times over, and never holds the root’s key', async () => {
    let secret = first;
    for (let i = 0; i < 3; i += 1) secret = (await rotateIssuing(secret, made.rootKey, begun)).secret;
    expect(secret.length).toBeLessThan(5_120);
    expect(secret).not.toContain(made.rootKey.d);
  });

  it('is not made with the key of another root', async () => {
    const other = await makeProductionSecrets('Other', begun);
    await expect(rotateIssuing(first, other.rootKey, begun)).rejects.toThrow(SecretsError);
  });

  it('names the authority as the first one was named', async () => {
    const { keys } = await openSecrets({ ...made.secrets, CALLSIGN_CA: next }, ORIGIN, 'production');
    const names = keys.issuers.map(({ certificate }) => certificate.subject.attributes[0]?.value);
    for (const name of names) expect(name).toMatch(/^Example issuing CA [0-9a-f]{8}$/);
    expect(new Set(names).size).toBe(2);
  });
});
