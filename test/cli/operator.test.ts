import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { UsageError } from '../../cli/command.ts';
import { commands } from '../../cli/commands.ts';
import { Audit } from '../../cli/support/audit.ts';
import { type Line, ServerRefusal } from '../../cli/support/server.ts';
import { configFor, type Deployment } from '../../demo/people.ts';
import { type Server, startServer } from '../../demo/server.ts';
import { readCertificate } from '../../src/attestation/path/certificate.ts';
import { createIssuing, isDevelopment } from '../../src/ca/authority.ts';
import type { PrivateJwk } from '../../src/ca/signer.ts';
import { makeDevelopmentSecrets, openSecrets } from '../../src/hosts/secrets.ts';
import { developmentAttester, enroll } from '../../src/sdk/index.ts';
import { ACCOUNT, DEVICE } from '../support/authority.ts';
import { found, run as program } from '../support/program.ts';

async function run(name: string, ...args: readonly string[]) {
  const command = commands.find((candidate) => candidate.name === name)!;
  const lines: string[] = [];
  const code = await command.run(args, { line: (text) => lines.push(text), error: (text) => lines.push(text) });
  return { code, lines, text: lines.join('\n') };
}

const folder = mkdtempSync(join(tmpdir(), 'callsign-cli-'));
const secrets = await makeDevelopmentSecrets(Date.now());
const key = (JSON.parse(secrets.CALLSIGN_KEYS) as { operator: string }).operator;
let server: Server;
beforeAll(async () => {
  server = await startServer('deno', secrets, {});
  process.env['CALLSIGN_URL'] = server.url;
  process.env['CALLSIGN_OPERATOR_KEY'] = key;
}, 90_000);
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

it('ca init makes what production starts with, and a root that signs another issuing CA', async () => {
  const [out, rootKey] = [join(folder, 'secrets'), join(folder, 'root.json')];
  const { code, text } = await run('ca init', '--name', 'Example', '--out', out, '--root-key', rootKey);
  expect(code).toBe(0);
  expect(text).toContain('wrangler secret put CALLSIGN_CA');
  const read = (name: string) => readFileSync(join(out, name), 'utf8');
  const given = { CALLSIGN_CA: read('CALLSIGN_CA.json'), CALLSIGN_KEYS: read('CALLSIGN_KEYS.json') };
  const opened = await openSecrets(given, 'https://calls.example', 'production');
  const root = readCertificate(opened.keys.root)!;
  expect(isDevelopment(root)).toBe(false);
  const kept = JSON.parse(readFileSync(rootKey, 'utf8')) as PrivateJwk;
  expect(given.CALLSIGN_CA + given.CALLSIGN_KEYS + text).not.toContain(kept.d);
  expect([statSync(rootKey).mode & 0o777, statSync(join(out, 'CALLSIGN_KEYS.json')).mode & 0o777]).toEqual([
    0o600, 0o600,
  ]);
  const plan = { name: 'Example', development: false, now: Date.now() };
  const next = await createIssuing(opened.keys.root, kept, plan, crypto.getRandomValues(new Uint8Array(16)));
  expect(readCertificate(next.certificate)?.issuer.der).toEqual(root.subject.der);
  await expect(run('ca init', '--name', 'Example', '--out', out)).rejects.toThrow('is there already');
});

it('ca rotate makes the next issuing CA from the offline root, keeps the one before, and never writes the root key', async () => {
  const [out, next] = [join(folder, 'secrets', 'CALLSIGN_CA.json'), join(folder, 'next.json')];
  const rootKey = join(folder, 'root.json');
  const { code, text } = await run('ca rotate', '--ca', out, '--root-key', rootKey, '--out', next);
  expect([code, text]).toEqual([0, expect.stringContaining(`wrangler secret put CALLSIGN_CA`)]);
  const [CALLSIGN_CA, CALLSIGN_KEYS] = [next, join(folder, 'secrets', 'CALLSIGN_KEYS.json')].map((path) =>
    readFileSync(path, 'utf8'),
  ) as [string, string];
  const { keys } = await openSecrets({ CALLSIGN_CA, CALLSIGN_KEYS }, 'https://calls.example', 'production');
  expect(keys.issuers).toHaveLength(2);
  expect(CALLSIGN_CA + text).not.toContain((JSON.parse(readFileSync(rootKey, 'utf8')) as PrivateJwk).d);
  expect(statSync(next).mode & 0o777).toBe(0o600);
  await expect(run('ca rotate', '--ca', out, '--root-key', rootKey, '--out', next)).rejects.toThrow('is there already');
  const wrong = ['--ca', out, '--root-key', out, '--out', join(folder, 'other.json')];
  await expect(run('ca rotate', ...wrong)).rejects.toThrow(UsageError);
  expect(existsSync(join(folder, 'other.json'))).toBe(false);
  await expect(run('ca rotate', '--ca', out)).rejects.toThrow(UsageError);
});

it('ca init writes nothing unless told, and never prints the root key', async () => {
  const { lines, text } = await run('ca init', '--name', 'Example');
  const printed = (name: string) => lines.map((line) => line.trim()).find((line) => line.startsWith(`${name}=`));
  const secretOf = (name: string) => printed(name)?.slice(name.length + 1) ?? '';
  const given = { CALLSIGN_CA: secretOf('CALLSIGN_CA'), CALLSIGN_KEYS: secretOf('CALLSIGN_KEYS') };
  await expect(openSecrets(given, 'https://calls.example', 'production')).resolves.toBeTruthy();
  expect(text).not.toContain('P-384');
  expect(text).toContain('The root key was not written');
  await expect(run('ca init')).rejects.toThrow(UsageError);
});

it.skipIf(!found('openssl', 'openssl', 'openssl verifies what ca init makes'))(
  'openssl verifies the issuing CA under the root',
  () => {
    const out = join(folder, 'secrets');
    expect(existsSync(out)).toBe(true);
    const { certificate } = JSON.parse(readFileSync(join(out, 'CALLSIGN_CA.json'), 'utf8')) as { certificate: string };
    const leaf = Buffer.from(certificate, 'base64url')
      .toString('base64')
      .replace(/(.{64})/g, '$1\n')
      .trimEnd();
    const text = `-----BEGIN CERTIFICATE-----\n${leaf}\n-----END CERTIFICATE-----\n`;
    const args = ['verify', '-x509_strict', '-CAfile', join(out, 'root.pem')];
    expect(program('openssl', args, text)).toMatchObject({ code: 0, output: 'stdin: OK\n' });
  },
);

it('device list, device revoke, events and audit verify speak to a server that runs', async () => {
  const deployment = (await (await fetch(`${server.url}/v1/deployment`)).json()) as Deployment;
  const config = configFor(server.url, deployment);
  const { identity } = await enroll(config, developmentAttester(config.crypto));
  const { account, device } = identity;
  const listed = async (status: string) => (await run('device list', '--status', status)).text;
  await expect.poll(() => listed('active'), { timeout: 10_000 }).toContain(device);
  const revoked = await run('device revoke', account, device, '--reason', 'lost');
  expect(revoked.text).toMatch(new RegExp(`^${device} revoked since 20`));
  await expect.poll(() => listed('revoked'), { timeout: 10_000 }).toContain(device);
  expect(await listed('active')).not.toContain(device);
  const { lines } = await run('events', '--types', 'device.revoked,operator.asked-revocation', '--json');
  const rows = lines.map((line) => JSON.parse(line) as Line);
  expect(rows.map(({ type, subject }) => `${type} ${subject}`).toSorted()).toEqual([
    `device.revoked ${device}`,
    `operator.asked-revocation ${device}`,
  ]);
  expect(rows[0]?.request).toBe(rows[1]?.request);
  expect((await run('events', '--after', String(rows[1]?.cursor), '--types', 'device.revoked')).lines).toEqual([]);
  const verified = await run('audit verify', '--json');
  expect(verified.code).toBe(0);
  const report = JSON.parse(verified.text) as { rows: number; chains: number; broken: unknown[] };
  expect(report.broken).toEqual([]);
  expect(report.chains).toBeGreaterThanOrEqual(2);
  expect(report.rows).toBeGreaterThan(6);
});

it('a row that was changed, left out or moved is found', async () => {
  const { lines } = await run('events', '--json');
  const rows = lines.map((line) => JSON.parse(line) as Line).filter(({ id }) => id.startsWith('account/'));
  const found = (altered: readonly Line[]) => {
    const audit = new Audit();
    for (const row of altered) audit.add(row);
    return audit.broken.map(({ id, what }) => [id, what]);
  };
  expect(found(rows)).toEqual([]);
  const [first, second, third] = rows as [Line, Line, Line];
  expect(found([first, { ...second, reason: 'another' }, third])).toEqual([[second.id, 'hash']]);
  expect(found([first, third])).toEqual([[third.id, 'gap']]);
  expect(found([second, first])).toEqual([
    [second.id, 'gap'],
    [first.id, 'order'],
  ]);
  expect(found([first, { ...second, previous: '' }])).toEqual([
    [second.id, 'hash'],
    [second.id, 'previous'],
  ]);
});

it('a wrong key and an unknown device are refused in a sentence', async () => {
  await expect(run('device revoke', ACCOUNT, DEVICE, '--reason', 'x')).rejects.toThrow(/404 .*unknown-account/);
  await expect(run('call why', '0'.repeat(32))).rejects.toThrow(/404 .*unknown-call/);
  process.env['CALLSIGN_OPERATOR_KEY'] = `${key.slice(1)}A`;
  await expect(run('device list')).rejects.toThrow(ServerRefusal);
  await expect(run('device list')).rejects.toThrow(/operator-key/);
  delete process.env['CALLSIGN_OPERATOR_KEY'];
  await expect(run('device list')).rejects.toThrow(UsageError);
  process.env['CALLSIGN_OPERATOR_KEY'] = key;
});

it('inventory import lists hardware, holds and runs are shown, and what is not there is said to be so', async () => {
  const file = join(folder, 'inventory.txt');
  writeFileSync(file, '# endorsement keys\nek 0a0b\nserial 1f\n');
  expect((await run('inventory import', file)).text).toBe('2 of 2 listed; 2 are listed');
  expect((await run('inventory import', file, '--remove')).text).toBe('2 of 2 taken off; 0 are listed');
  writeFileSync(file, 'ek zz zz\n');
  await expect(run('inventory import', file)).rejects.toThrow('line 1: a kind');
  expect((await run('holds list')).text).toContain('hold');
  await expect(run('holds approve', 'A'.repeat(43), '--reason', 'known')).rejects.toThrow('no-such-hold');
  await expect(run('holds deny', 'A'.repeat(43))).rejects.toThrow('a hold and a reason are needed');
  expect((await run('rejudge list')).text).toMatch(/^run\s+state/);
  await expect(run('rejudge show', 'mds/1/0')).rejects.toThrow('no-such-run');
  await expect(run('rejudge narrow', 'mds/1/0', '--reason', 'seen')).rejects.toThrow('name the devices that stay');
});

it('policy try --server says whom another policy would refuse and revoke, and changes nothing', async () => {
  const deployment = (await (await fetch(`${server.url}/v1/deployment`)).json()) as Deployment;
  const config = configFor(server.url, deployment);
  const { identity } = await enroll(config, developmentAttester(config.crypto));
  const file = join(folder, 'policy.json');
  writeFileSync(file, JSON.stringify({ base: 'standard', version: 'tried-1' }));
  const tried = JSON.parse((await run('policy try', file, '--server', '--json')).text) as {
    judged: number;
    refused: number;
    revoked: number;
    turned: readonly object[];
  };
  expect(tried).toMatchObject({ policy: 'tried-1', against: 'development-1' });
  expect([tried.refused, tried.revoked]).toEqual([tried.judged, tried.judged]);
  expect(tried.turned).toContainEqual(
    expect.objectContaining({ device: identity.device, reason: 'format-refused', revoked: true }),
  );
  writeFileSync(file, JSON.stringify({ base: 'development', version: 'tried-2' }));
  expect((await run('policy try', file, '--server')).text).toMatch(
    /^tried-2 against development-1: \d+ judged, 0 refused, 0 revoked/,
  );
  expect((await run('device list', '--device', identity.device)).text).toContain('active');
});
