/** A Linux machine with a TPM gets a certificate without account; OpenSSL uses it, and verifies it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../cli/commands.ts';
import { ServerRefusal } from '../../cli/support/server.ts';
import { type HostName, type Server, startServer } from '../../demo/server.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import { readIdentity } from '../../src/identity/certificate.ts';
import { type Factory, makeFactory, provision, template } from '../attestation/support/tpm-factory.ts';
import { freePort } from '../../demo/free-port.ts';
import { found, installed, run as program } from '../support/program.ts';
import { type SoftwareTpm, startSwtpm, swtpmInstalled } from '../support/swtpm.ts';

const module = process.env['OPENSSL_TPM2_MODULE'] ?? globSync('/usr/lib/*/ossl-modules/tpm2.so')[0];
const provider = installed(module !== undefined && existsSync(module), 'tpm2-openssl', 'OpenSSL with a key in a TPM');
const openssl = found('openssl', 'openssl', 'OpenSSL verifies a certificate of profile device');

async function run(name: string, ...args: readonly string[]) {
  const command = commands.find((candidate) => candidate.name === name)!;
  const lines: string[] = [];
  const code = await command.run(args, { line: (text) => lines.push(text), error: (text) => lines.push(text) });
  return { code, text: lines.join('\n') };
}

const skipped = !(swtpmInstalled && provider && openssl);
describe.skipIf(skipped).each<HostName>(['deno', 'workerd'])('a machine with a TPM, by the CLI, on %s', (host) => {
  let machine: SoftwareTpm;
  let factory: Factory;
  let server: Server;
  let folder: string;
  let out: string;
  const secrets = makeDevelopmentSecrets(Date.now());
  const file = (name: string) => join(out, name);
  const bytes = async (path: string) => Buffer.from(await (await fetch(`${server.url}${path}`)).arrayBuffer());

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'callsign-enroll-'));
    out = join(folder, 'identity');
    // Programs know no clock but the machine's.
    factory = await makeFactory();
    machine = await startSwtpm();
    await provision(machine, factory, template('L-2'));
    const made = await secrets;
    server = await startServer(host, made, { ANCHORS: base64url(factory.anchor.certificate.der) });
    process.env['CALLSIGN_URL'] = server.url;
    process.env['CALLSIGN_OPERATOR_KEY'] = (JSON.parse(made.CALLSIGN_KEYS) as { operator: string }).operator;
  });
  afterAll(async () => {
    await server?.stop();
    await machine?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const leaf = () => {
    const [, text = ''] =
      /-----BEGIN CERTIFICATE-----([^-]*)-----END/.exec(readFileSync(file('certificate.pem'), 'utf8')) ?? [];
    return readIdentity(new Uint8Array(Buffer.from(text, 'base64')))!;
  };
  const verified = async () => {
    const roots = (await bytes('/v1/pki/ca')).toString().match(/-----BEGIN[^]*?END CERTIFICATE-----\n/g)!;
    writeFileSync(join(folder, 'root.pem'), roots.at(-1)!);
    const list = (await bytes('/v1/pki/crl')).toString('base64').replace(/(.{1,64})/g, '$1\n');
    writeFileSync(join(folder, 'list.crl'), `-----BEGIN X509 CRL-----\n${list}-----END X509 CRL-----\n`);
    const strict = 'verify -x509_strict -crl_check -purpose sslclient'.split(' ');
    const places = ['-CAfile', join(folder, 'root.pem'), '-CRLfile', join(folder, 'list.crl')];
    return program('openssl', [...strict, ...places, '-untrusted', file('certificate.pem'), file('certificate.pem')]);
  };

  it('enrolls, and OpenSSL verifies what it got', async () => {
    await machine.lend(async ({ socket }) => {
      expect((await run('enroll', '--tpm', socket, '--out', out)).code).toBe(0);
    });
    expect(leaf()).toMatchObject({
      profile: 'device',
      account: null,
      assurance: { format: 'tpm2', binding: 'key-attested' },
    });
    expect(readFileSync(file('key.pem'), 'utf8')).toMatch(/^-----BEGIN TSS2 PRIVATE KEY-----/);
    expect(statSync(file('key.pem')).mode & 0o777).toBe(0o600);
    expect(await verified()).toMatchObject({ code: 0, output: expect.stringContaining('OK') });
    await expect(run('enroll', '--tpm', 'nowhere', '--out', out)).rejects.toThrow('renew it');
  });

  it('OpenSSL proves the key to a TLS server that trusts our root alone, signing in the TPM', async () => {
    const port = await freePort();
    const own = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-days', '1'];
    program('openssl', ['req', ...own, '-keyout', join(folder, 's.key'), '-out', join(folder, 's.pem')]);
    const accept = [
      '-accept',
      String(port),
      '-cert',
      join(folder, 's.pem'),
      '-key',
      join(folder, 's.key'),
      '-naccept',
      '1',
    ];
    const ask = ['-Verify', '2', '-verify_return_error', '-CAfile', join(folder, 'root.pem')];
    const tls: ChildProcess = spawn('openssl', ['s_server', ...accept, ...ask], { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    tls.stdout?.on('data', (text: Buffer) => (said += text.toString()));
    tls.stderr?.on('data', (text: Buffer) => (said += text.toString()));
    try {
      await expect.poll(() => said).toContain('ACCEPT');
      await machine.lend(async ({ tcti }) => {
        const providers = ['-provider-path', dirname(module!), '-provider', 'default', '-provider', 'tpm2'];
        const cert = [
          '-cert',
          file('certificate.pem'),
          '-cert_chain',
          file('certificate.pem'),
          '-key',
          file('key.pem'),
        ];
        const child = spawn(
          'openssl',
          ['s_client', '-connect', `127.0.0.1:${port}`, ...providers, '-propquery', '?provider=default', ...cert],
          { env: { ...process.env, TPM2OPENSSL_TCTI: tcti, TSS2_LOG: 'all+NONE' }, stdio: ['pipe', 'pipe', 'pipe'] },
        );
        let heard = '';
        child.stdout.on('data', (text: Buffer) => (heard += text.toString()));
        child.stderr.on('data', (text: Buffer) => (heard += text.toString()));
        try {
          await expect.poll(() => `${said}\n${heard}`).toContain('verify return:1');
          await expect.poll(() => said).toContain(leaf().device);
          await expect.poll(() => heard).toContain('Verify return code');
        } finally {
          child.kill('SIGKILL');
        }
      });
      expect(said).not.toContain('verify error');
    } finally {
      tls.kill('SIGKILL');
    }
  });

  it('renews the same key, again and again, from the files alone', async () => {
    const [before, key] = [leaf(), readFileSync(file('key.pem'), 'utf8')];
    for (let i = 0; i < 2; i += 1)
      await machine.lend(async ({ socket }) => {
        expect((await run('renew', '--tpm', socket, '--out', out)).code).toBe(0);
      });
    expect(leaf().certificate.serial).not.toBe(before.certificate.serial);
    expect([leaf().key, readFileSync(file('key.pem'), 'utf8')]).toEqual([before.key, key]);
    expect(await verified()).toMatchObject({ code: 0 });
  });

  it('is revoked by the operator, who names no account: OpenSSL refuses it, and it renews no more', async () => {
    const { device } = leaf();
    await expect.poll(async () => (await run('device list', '--device', device)).text).toContain(device);
    expect((await run('device revoke', device, '--reason', 'lost')).text).toMatch(
      new RegExp(`^${device} revoked since`),
    );
    await expect.poll(async () => (await verified()).output, { interval: 500 }).toContain('certificate revoked');
    await machine.lend(async ({ socket }) => {
      await expect(run('renew', '--tpm', socket, '--out', out)).rejects.toThrow(/device-revoked/);
      await expect(run('renew', '--tpm', socket, '--out', out)).rejects.toThrow(ServerRefusal);
    });
  });
});
