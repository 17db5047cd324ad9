import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
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
import { OPERATIONS } from '../../src/protocol/operations.ts';
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
});
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
  const { account, device } = await enrolled();
  const listed = async (status: string) => (await run('device list', '--status', status)).text;
  expect(await listed('active')).toContain(device);
  const revoked = await run('device revoke', account, device, '--reason', 'lost');
  expect(revoked.text).toMatch(new RegExp(`^${device} revoked since 20`));
  await expect.poll(() => listed('revoked')).toContain(device);
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
  expect(found([first, { ...second, id: 'list/mds/1' }, third])).toEqual([
    ['list/mds/1', 'unchained'],
    [third.id, 'gap'],
  ]);
  expect(found([second, first])).toEqual([
    [second.id, 'gap'],
    [first.id, 'order'],
  ]);
  expect(found([first, { ...second, previous: '' }])).toEqual([
    [second.id, 'hash'],
    [second.id, 'previous'],
  ]);
});

/** A device of whose certificate the index has heard. */
async function enrolled() {
  const deployment = (await (await fetch(`${server.url}/v1/deployment`)).json()) as Deployment;
  const config = configFor(server.url, deployment);
  const { identity } = await enroll(config, developmentAttester(config.crypto));
  await expect.poll(() => certificates('--device', identity.device)).toHaveLength(1);
  return identity;
}

interface Certificate {
  readonly serial: string;
  readonly device: string;
  readonly evidence: string;
  readonly status: string;
}

async function certificates(...narrowing: readonly string[]): Promise<readonly Certificate[]> {
  return JSON.parse((await run('certificate list', ...narrowing, '--json')).text) as readonly Certificate[];
}

it('every operation of the operator has a command that asks it', async () => {
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const hash = 'A'.repeat(43);
  const tried = [
    ['device list'],
    ['device revoke', DEVICE, '--reason', 'lost'],
    ['certificate list'],
    ['verdict show', hash],
    ['call why', '0'.repeat(32)],
    ['events'],
    ['counters'],
    ['policy show'],
    ['policy try', file('tried.json', '{"base":"standard","version":"tried-0"}'), '--server'],
    ['trust show'],
    ['lists import', file('list', 'none'), '--kind', 'mds'],
    ['rejudge list'],
    ['rejudge show', 'mds/1/0'],
    ['inventory import', file('marks', 'serial 1f'), '--remove'],
    ['holds list'],
    ['holds deny', hash, '--reason', 'unknown'],
  ] as const;
  const spy = vi.spyOn(globalThis, 'fetch');
  for (const [name, ...args] of tried)
    await run(name, ...args).catch((error: unknown) => {
      if (!(error instanceof ServerRefusal)) throw error;
    });
  const asked = spy.mock.calls.map(([url, init]) => `${init?.method} ${(url as URL).pathname}`);
  spy.mockRestore();
  const own = OPERATIONS.filter(({ path }) => path.startsWith('/v1/admin/'));
  expect(own.length).toBeGreaterThan(15);
  for (const { method, path } of own) {
    const resource = new RegExp(`^${method} ${path.replace(/\{\w+\}/, '[^/]+')}$`);
    expect(
      asked.some((one) => resource.test(one)),
      `${method} ${path}`,
    ).toBe(true);
  }
});

it('certificate list narrows by all that the index knows, device list too, and verdict show tells every check', async () => {
  const { account, device } = await enrolled();
  const [one] = (await certificates('--device', device)) as [Certificate];
  expect(one).toMatchObject({ account, device, status: 'active' });
  const { serial, evidence } = one;
  for (const narrowing of [
    ['--account', account],
    ['--serial', serial],
    ['--evidence', evidence],
  ]) {
    expect(await certificates(...narrowing)).toEqual([one]);
    expect(await certificates(...narrowing, '--status', 'revoked')).toEqual([]);
    const devices = JSON.parse((await run('device list', ...narrowing, '--json')).text) as readonly Certificate[];
    expect(devices.map((row) => row.device)).toEqual([device]);
  }
  const { lines } = await run('certificate list', '--serial', serial);
  expect(lines[0]).toMatch(/^serial +device +account +status +ends +evidence/);
  expect(lines[1]).toMatch(new RegExp(`^${serial} +${device} +${account} +active +20.* ${evidence}`));
  const shown = await run('verdict show', evidence);
  expect(shown.lines[0]).toBe(`evidence    ${evidence}`);
  expect(shown.text).toMatch(/decision +accept/);
  expect(shown.text).toMatch(/ +check +section +detail/);
  const kept = JSON.parse((await run('verdict show', evidence, '--json')).text) as {
    verdict: { checks: readonly { id: string; spec: string }[] };
  };
  expect(kept).toMatchObject({ hash: evidence, account, device, verdict: { decision: 'accept' } });
  expect(kept.verdict.checks.length).toBeGreaterThan(0);
  for (const { id, spec } of kept.verdict.checks)
    expect(shown.lines.some((line) => line.includes(id) && line.includes(spec))).toBe(true);
});

it('counters, policy show and trust show tell what the server counts, judges by and trusts', async () => {
  const counted = await run('counters');
  expect(counted.text).toMatch(/^certificates in force +[1-9]/m);
  expect(counted.text).toMatch(/^issuing CA +ends +revocation list +next due$/m);
  const figures = JSON.parse((await run('counters', '--json')).text) as { issuers: readonly { issuer: string }[] };
  expect(figures.issuers).toHaveLength(1);
  expect(counted.text).toMatch(new RegExp(`^${figures.issuers[0]!.issuer} +20\\S+ +\\d+ +20`, 'm'));
  expect((await run('policy show')).text).toMatch(/^version +development-1$/m);
  expect((await run('policy show')).text).toMatch(/^webauthn\.selfAttestation +(true|false)$/m);
  const file = join(folder, 'in-force.json');
  writeFileSync(file, (await run('policy show', '--json')).text);
  expect((await run('policy try', file, '--server')).text).toMatch(
    /^development-1 against development-1: .* 0 refused/,
  );
  const trusted = await run('trust show');
  expect(trusted.text).toMatch(/^mds +none in force/m);
  expect(trusted.text).toMatch(/^android-status +none in force/m);
  const { anchors } = JSON.parse((await run('trust show', '--json')).text) as { anchors: readonly { id: string }[] };
  expect(anchors.length).toBeGreaterThan(0);
  for (const { id } of anchors) expect(trusted.text).toContain(`\n${id} `);
});

it('trust show gives the age of a list from when it was fetched', async () => {
  const file = join(folder, 'status.json');
  writeFileSync(file, JSON.stringify({ entries: {} }));
  const at = new Date(Date.now() - 5 * 3_600_000 - 60_000).toISOString();
  await run('lists import', file, '--kind', 'android-status', '--fetched-at', at);
  const { lines } = await run('trust show');
  expect(lines.find((line) => line.startsWith('android-status'))).toMatch(new RegExp(`^android-status +- +${at} +5 h`));
});

it('an action that was refused is in the audit with what it was about and why', async () => {
  await expect(run('device revoke', ACCOUNT, DEVICE, '--reason', 'lost')).rejects.toThrow('unknown-account');
  await expect(run('rejudge discard', 'mds/9/9', '--reason', 'seen')).rejects.toThrow('no-such-run');
  await expect(run('device revoke', 'nobody', '--reason', 'lost')).rejects.toThrow('malformed-body');
  const { lines } = await run('events', '--types', 'operator.was-refused', '--json');
  const told = lines.map((line) => JSON.parse(line) as Line).map(({ subject, reason }) => [subject, reason]);
  expect(told.slice(-3)).toEqual([
    [DEVICE, 'unknown-account'],
    ['mds/9/9', 'no-such-run'],
    ['/v1/admin/revocations', 'malformed-body'],
  ]);
  expect((await run('audit verify')).text).toMatch(/ 0 broken$/);
});

it('audit verify counts events that no actor wrote, and holds them for no broken chain', async () => {
  const file = join(folder, 'no-list.json');
  writeFileSync(file, 'none');
  await expect(run('lists import', file, '--kind', 'android-status')).rejects.toThrow('list-refused');
  const { code, text } = await run('audit verify', '--json');
  const verified = JSON.parse(text) as { readonly broken: readonly object[]; readonly unchained: number };
  expect([code, verified.broken]).toEqual([0, []]);
  expect(verified.unchained).toBeGreaterThan(0);
});

const LOOKS = [
  'device list',
  'certificate list',
  'counters',
  'policy show',
  'trust show',
  'holds list',
  'rejudge list',
];
it.each([...LOOKS, 'verdict show'])(
  '%s says which setting is missing or wrong, and what it does not take',
  async (name) => {
    const args = name === 'verdict show' ? ['A'.repeat(43)] : [];
    const { CALLSIGN_OPERATOR_KEY: opens, CALLSIGN_URL: url } = process.env;
    try {
      delete process.env['CALLSIGN_OPERATOR_KEY'];
      await expect(run(name, ...args)).rejects.toThrow('CALLSIGN_OPERATOR_KEY is not set');
      process.env['CALLSIGN_OPERATOR_KEY'] = `${key.slice(1)}A`;
      await expect(run(name, ...args)).rejects.toThrow(/^401 .*operator-key/);
      process.env['CALLSIGN_URL'] = 'calls.example';
      await expect(run(name, ...args)).rejects.toThrow('CALLSIGN_URL is no URL');
      await expect(run(name, ...args, '--unknown')).rejects.toThrow(UsageError);
    } finally {
      Object.assign(process.env, { CALLSIGN_OPERATOR_KEY: opens, CALLSIGN_URL: url });
    }
  },
);

it('what is no hash, no status and no evidence that is kept is refused in a sentence', async () => {
  await expect(run('verdict show')).rejects.toThrow('one hash of evidence is needed');
  await expect(run('verdict show', '../counters')).rejects.toThrow('one hash of evidence is needed');
  await expect(run('verdict show', 'A'.repeat(43))).rejects.toThrow(/^404 .*no-such-evidence/);
  await expect(run('certificate list', '--status', 'lost')).rejects.toThrow('--status must be active');
  await expect(run('certificate list', DEVICE)).rejects.toThrow(UsageError);
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
  const identity = await enrolled();
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
