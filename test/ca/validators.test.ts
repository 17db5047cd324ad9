import 'reflect-metadata';
import { BasicConstraintsExtension, X509Certificate, X509Crl } from '@peculiar/x509';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hex } from '../../src/bytes/hex.ts';
import { createIssuing, openIssuer } from '../../src/ca/authority.ts';
import { signRevocationList } from '../../src/ca/revocation.ts';
import { jwkSigner } from '../../src/ca/signer.ts';
import { readIdentity } from '../../src/identity/certificate.ts';
import { certify, keys, random, URLS, world, type World } from '../support/authority.ts';
import { found, run } from '../support/program.ts';

const HOUR = 3_600_000;
const now = Date.now();
const folder = mkdtempSync(join(tmpdir(), 'callsign-ca-'));
afterAll(() => rmSync(folder, { recursive: true }));

function pem(name: string, label: string, der: Uint8Array): string {
  const text = Buffer.from(der)
    .toString('base64')
    .replace(/(.{64})/g, '$1\n')
    .trimEnd();
  const path = join(folder, name);
  writeFileSync(path, `-----BEGIN ${label}-----\n${text}\n-----END ${label}-----\n`);
  return path;
}

let ca: World;
let leaf: Uint8Array;
let paths: { root: string; issuing: string; leaf: string; good: string; revoked: string; both: string };

beforeAll(async () => {
  ca = await world(now);
  leaf = await certify(ca, await keys(), {}, now);
  const { serial, notAfter } = readIdentity(leaf)!.certificate;
  const other = { serial: hex(random(16)), at: now, reason: 'owner', until: now + HOUR } as const;
  const own = { serial, at: now, reason: 'condemned', until: notAfter } as const;
  const good = await signRevocationList(ca.issuer, [other], 1, now, HOUR);
  const revoked = await signRevocationList(ca.issuer, [other, own], 2, now, HOUR);
  paths = {
    root: pem('root.pem', 'CERTIFICATE', ca.root),
    issuing: pem('issuing.pem', 'CERTIFICATE', ca.authority.issuing.certificate),
    leaf: pem('leaf.pem', 'CERTIFICATE', leaf),
    good: pem('good.crl', 'X509 CRL', good),
    revoked: pem('revoked.crl', 'X509 CRL', revoked),
    both: join(folder, 'chain.pem'),
  };
  run('sh', ['-c', `cat ${paths.issuing} ${paths.root} > ${paths.both}`]);
});

describe.skipIf(!found('openssl', 'openssl', 'openssl verifies what the CA issues'))('openssl', () => {
  const verify = (list: string, ...more: string[]) =>
    run('openssl', [
      ...'verify -x509_strict -crl_check -purpose sslclient'.split(' '),
      ...more,
      '-CAfile',
      paths.root,
      '-untrusted',
      paths.issuing,
      '-CRLfile',
      list,
      paths.leaf,
    ]);

  it('accepts the certificate, strictly and with the list', () => {
    expect(verify(paths.good)).toMatchObject({ code: 0, output: expect.stringContaining('leaf.pem: OK') });
  });

  it('refuses it once it is on the list', () => {
    const { code, output } = verify(paths.revoked);
    expect([code, output]).toEqual([2, expect.stringContaining('certificate revoked')]);
  });

  it('refuses a stale list', () => {
    const later = String(Math.floor((now + 2 * HOUR) / 1000));
    expect(verify(paths.good, '-attime', later).output).toContain('CRL has expired');
  });

  it('reads extensions, number and next update', () => {
    const text = run('openssl', ['x509', '-in', paths.leaf, '-noout', '-text']).output;
    expect(text).toContain('TLS Web Client Authentication, 2.25.1823119887.1');
    expect(text).toContain(`URI:${URLS.crl}`);
    expect(text).toContain(`CA Issuers - URI:${URLS.issuers}`);
    expect(text).toContain('Digital Signature');
    const list = run('openssl', ['crl', '-in', paths.revoked, '-noout', '-text', '-crlnumber']).output;
    expect(list).toMatch(/crlNumber=0x0?2/);
    expect(list).toContain('Key Compromise');
  });

  it('accepts a certificate of the next issuing CA under the same root', async () => {
    const next = await createIssuing(
      ca.root,
      ca.authority.root.key,
      { name: 'Test', development: true, now },
      random(16),
    );
    const issuer = openIssuer(next.certificate, await jwkSigner(next.key), URLS);
    const own = pem('next-leaf.pem', 'CERTIFICATE', await certify({ ...ca, issuer }, await keys(), {}, now));
    const issuing = pem('next.pem', 'CERTIFICATE', next.certificate);
    const list = pem('next.crl', 'X509 CRL', await signRevocationList(issuer, [], 1, now, HOUR));
    run('sh', [
      '-c',
      `cat ${paths.issuing} ${issuing} > ${folder}/both.pem; cat ${paths.good} ${list} > ${folder}/both.crl`,
    ]);
    const args = ['verify', '-x509_strict', '-crl_check', '-CAfile', paths.root, '-untrusted', `${folder}/both.pem`];
    expect(run('openssl', [...args, '-CRLfile', `${folder}/both.crl`, own, paths.leaf]).output).toBe(
      `${own}: OK\n${paths.leaf}: OK\n`,
    );
  });
});

describe.skipIf(!found('certtool', 'gnutls-bin', 'GnuTLS verifies what the CA issues'))('certtool', () => {
  const verify = (list: string) => {
    const chain = run('cat', [paths.leaf, paths.both]).output;
    const path = join(folder, 'whole.pem');
    writeFileSync(path, chain);
    return run('certtool', ['--verify', '--load-ca-certificate', paths.root, '--load-crl', list, '--infile', path]);
  };

  it('accepts the certificate', () => {
    expect(verify(paths.good)).toMatchObject({
      code: 0,
      output: expect.stringContaining('The certificate is trusted'),
    });
  });

  it('refuses it once it is on the list', () => {
    const { code, output } = verify(paths.revoked);
    expect([code, output]).toEqual([1, expect.stringContaining('revoked')]);
  });
});

describe('@peculiar/x509', () => {
  it('reads and verifies certificates and list as what they are meant to be', async () => {
    const issuing = new X509Certificate(ca.authority.issuing.certificate.buffer);
    const root = new X509Certificate(ca.authority.root.certificate.buffer);
    const own = new X509Certificate(leaf.slice().buffer);
    const date = new Date(now);
    expect(await own.verify({ publicKey: issuing, date })).toBe(true);
    expect(await issuing.verify({ publicKey: root, date })).toBe(true);
    expect(await root.isSelfSigned()).toBe(true);
    expect(issuing.getExtension(BasicConstraintsExtension)).toMatchObject({ ca: true, pathLength: 0, critical: true });
    const entry = { serial: '0a', at: now, reason: 'owner', until: now } as const;
    const der = await signRevocationList(ca.issuer, [entry], 3, now, HOUR);
    const list = new X509Crl(der.buffer);
    expect(await list.verify({ publicKey: issuing.publicKey })).toBe(true);
    expect(list.entries.map((entry) => [entry.serialNumber, entry.reason])).toEqual([['0a', 5]]);
  });
});
