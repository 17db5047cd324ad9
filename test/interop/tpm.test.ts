/** Programs that others wrote, against ours, with one TPM between them. */
import { execFile } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACTIVATION_RANDOMNESS, challengeActivation, checkActivation } from '../../src/attestation/tpm/activation.ts';
import { readPublic } from '../../src/attestation/tpm/public.ts';
import { fromTpm2b } from '../../src/attestation/tpm/sized.ts';
import { fromHex } from '../../src/bytes/hex.ts';
import { concat } from '../../src/bytes/join.ts';
import { keyFile } from '../../src/sdk/tpm/key-file.ts';
import { TpmIdentity } from '../../src/sdk/tpm/identity.ts';
import { random } from '../attestation/support/tpm-enrollment.ts';
import { found, installed } from '../support/program.ts';
import type { SoftwareTpm } from '../support/swtpm.ts';
import { startSwtpm, swtpmInstalled } from '../support/swtpm.ts';
import { PATIENCE_MS } from '../support/patience.ts';

const module = process.env['OPENSSL_TPM2_MODULE'] ?? globSync('/usr/lib/*/ossl-modules/tpm2.so')[0];
const hasModule = module !== undefined && existsSync(module);
const provider = installed(hasModule, 'tpm2-openssl', 'OpenSSL with a key in a TPM');
const tools = found('tpm2_activatecredential', 'tpm2-tools', 'tpm2-tools against our challenge');

const run = promisify(execFile);

describe.skipIf(!swtpmInstalled)('a TPM shared with other programs', () => {
  let machine: SoftwareTpm;
  let folder: string;

  beforeAll(async () => {
    machine = await startSwtpm();
    folder = await mkdtemp(join(tmpdir(), 'callsign-interop-'));
  });
  afterAll(async () => {
    await machine.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const pem = (label: string, der: Uint8Array): string =>
    `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`;

  it.skipIf(!provider)('OpenSSL signs with the identity key from its key file', async () => {
    const identity = await TpmIdentity.create(machine.tpm);
    await identity.close();
    const [key, message, signature] = ['key.pem', 'message', 'signature'].map((name) => join(folder, name));
    await writeFile(key!, keyFile(identity.wrapped.identityKey));
    await writeFile(join(folder, 'public.pem'), pem('PUBLIC KEY', identity.spki));
    await writeFile(message!, random(100));
    await machine.lend(async ({ tcti }) => {
      const providers = ['-provider-path', dirname(module!), '-provider', 'tpm2', '-provider', 'default'];
      const what = [
        '-propquery',
        '?provider=tpm2,tpm2.digest!=yes',
        '-inkey',
        key!,
        '-in',
        message!,
        '-out',
        signature!,
      ];
      const env = { ...process.env, TPM2OPENSSL_TCTI: tcti, TSS2_LOG: 'all+NONE' };
      const sign = ['pkeyutl', '-sign', '-rawin', '-digest', 'sha256', ...providers, ...what];
      await run('openssl', sign, { env, timeout: PATIENCE_MS });
    });
    const check = ['dgst', '-sha256', '-verify', join(folder, 'public.pem'), '-signature', signature!, message!];
    expect((await run('openssl', check, { timeout: PATIENCE_MS })).stdout).toContain('Verified OK');
  });

  it.skipIf(!tools)('tpm2-tools activate what our server challenges', async () => {
    await machine.lend(async ({ tcti }) => {
      const env = { ...process.env, TPM2TOOLS_TCTI: tcti, TSS2_LOG: 'all+NONE' };
      const tool = (name: string, ...args: readonly string[]) =>
        run(`tpm2_${name}`, [...args], { env, cwd: folder, timeout: PATIENCE_MS });
      const read = async (name: string): Promise<Uint8Array> => new Uint8Array(await readFile(join(folder, name)));

      await tool('createek', '-G', 'ecc', '-c', 'ek.ctx', '-u', 'ek.pub');
      await tool('flushcontext', '-t');
      await tool(
        'createak',
        '-C',
        'ek.ctx',
        '-c',
        'ak.ctx',
        '-G',
        'ecc',
        '-g',
        'sha256',
        '-s',
        'ecdsa',
        '-u',
        'ak.pub',
      );
      await tool('flushcontext', '-t');
      const [endorsement, attestation] = [fromTpm2b(await read('ek.pub'))!, fromTpm2b(await read('ak.pub'))!];
      const nonce = random(32);
      const answer = await challengeActivation(endorsement, attestation, nonce, random(ACTIVATION_RANDOMNESS));
      if (!answer.ok) throw new Error(answer.reason);

      // The tools' own file: magic and version, then the two structures of the challenge.
      const header = fromHex('badcc0de00000001')!;
      const { credentialBlob, encryptedSecret } = answer.credential;
      await writeFile(join(folder, 'credential'), concat(header, credentialBlob, encryptedSecret));
      await tool('startauthsession', '--policy-session', '-S', 'session.ctx');
      await tool('policysecret', '-S', 'session.ctx', '-c', 'e');
      const keys = ['-c', 'ak.ctx', '-C', 'ek.ctx', '-P', 'session:session.ctx'];
      await tool('activatecredential', ...keys, '-i', 'credential', '-o', 'secret');

      const [ek, ak] = [readPublic(endorsement)!, readPublic(attestation)!];
      expect(checkActivation(answer.state, ek, ak, await read('secret'))).toBeNull();
      expect(checkActivation(answer.state, ek, ak, random(32))).toBe('proof');
    });
  });
});
