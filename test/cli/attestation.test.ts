import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../cli/command.ts';
import { commands } from '../../cli/commands.ts';
import { vectorFolder } from '../../cli/support/files.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';

async function run(name: string, ...args: readonly string[]) {
  const command = commands.find((candidate) => candidate.name === name)!;
  const lines: string[] = [];
  const errors: string[] = [];
  const code = await command.run(args, { line: (text) => lines.push(text), error: (text) => errors.push(text) });
  return { code, text: lines.join('\n'), errors };
}

const vector = (name: string) => join(vectorFolder, name);
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'callsign-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(!existsSync(vectorFolder))('attest', () => {
  it('verify shows the decision and every check with its section', async () => {
    const id = 'yubikey-5-nfc-es256-example-com';
    const { code, text } = await run(
      'attest verify',
      vector('webauthn-packed.json'),
      '--id',
      id,
      '--policy',
      'consumer',
    );
    expect(code).toBe(0);
    expect(text).toMatch(/decision +accept/);
    expect(text).toMatch(/trust anchor +yubico-u2f-root-ca-457200631/);
    expect(text).toMatch(/ok +packed\.signature +WebAuthn L3 §8\.2 step 2/);
  });

  it('verify --json is the verdict, at a time of the caller’s choosing, and says no with its exit code', async () => {
    const args = [vector('webauthn-apple.json'), '--id', 'apple-2021-08', '--policy', 'consumer', '--json'];
    const then = await run('attest verify', ...args);
    expect([then.code, JSON.parse(then.text)]).toMatchObject([0, { decision: 'accept', format: 'apple' }]);
    const later = await run('attest verify', ...args, '--at', '2026-01-01');
    expect([later.code, JSON.parse(later.text)]).toMatchObject([1, { decision: 'refuse', reason: 'chain-expired' }]);
  });

  it('verify-vectors --json counts right and names wrong', async () => {
    const file = JSON.parse(readFileSync(vector('webauthn-apple.json'), 'utf8'));
    file.vectors[0].expect = { verdict: 'reject', reason: 'malformed', chainsTo: null };
    writeFileSync(join(folder, 'webauthn-apple.json'), JSON.stringify(file));
    const { code, text } = await run('attest verify-vectors', folder, '--json');
    expect(code).toBe(1);
    expect(JSON.parse(text)).toMatchObject({
      'webauthn-apple': { right: 3, wrong: [{ id: file.vectors[0].id, expected: 'refuse: malformed' }] },
    });
  });
});

describe('trust and policy', () => {
  it('trust list shows every anchor, trust verify finds no problem', async () => {
    const list = await run('trust list', '--at', '2026-11-26');
    expect(list.text).toContain('google-key-attestation-ca1');
    expect(list.text).toMatch(/google-hw-attestation-rsa-2016 .* expired, kept/);
    expect(await run('trust verify', '--vectors', '/nowhere')).toMatchObject({ code: 0 });
    expect(await run('trust verify', '--vectors', '/nowhere', '--at', '2060-01-01')).toMatchObject({ code: 1 });
  });

  it('policy try refuses what is no policy, by field, and shows what would change', async () => {
    const path = join(folder, 'policy.json');
    writeFileSync(path, JSON.stringify({ ...policies.standard, inventory: 'maybe' }));
    await expect(run('policy try', path)).rejects.toThrow(/inventory/);
    const webauthn = { ...policies.consumer.webauthn, aaguidDeny: ['fa2b99dc-9e39-4257-8f92-4a30d23c4118'] };
    writeFileSync(path, JSON.stringify({ ...policies.consumer, version: 'tried', webauthn }));
    const { text } = await run('policy try', path, '--against', 'consumer', '--json');
    const { changes } = JSON.parse(text) as { changes: { after: string }[] };
    expect(changes.every(({ after }) => after === 'refuse: aaguid-refused')).toBe(true);
    expect(changes.length > 0).toBe(existsSync(vectorFolder));
  });

  it('wrong use is told apart from a no', async () => {
    await expect(run('attest verify')).rejects.toThrow(UsageError);
    await expect(run('attest verify', '/nowhere.json')).rejects.toThrow(UsageError);
    await expect(run('attest verify-vectors', '/nowhere')).rejects.toThrow(UsageError);
    await expect(run('trust list', '--at', 'yesterday')).rejects.toThrow(UsageError);
    await expect(run('trust list', '--no-such-option')).rejects.toThrow(UsageError);
  });
});
