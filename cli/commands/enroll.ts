import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { fromBase64url, base64url } from '../../src/bytes/base64url.ts';
import { enrollAlone, type LoneDevice, renewAlone } from '../../src/sdk/alone.ts';
import { tpmAttester } from '../../src/sdk/attesters/tpm.ts';
import { type ClientConfig, defaultConfig } from '../../src/sdk/config.ts';
import { webCrypto } from '../../src/sdk/crypto/webcrypto.ts';
import { CallsignError } from '../../src/sdk/errors.ts';
import { memoryStore } from '../../src/sdk/stores/memory.ts';
import { TpmIdentity } from '../../src/sdk/tpm/identity.ts';
import { keyFile } from '../../src/sdk/tpm/key-file.ts';
import { Tpm } from '../../src/sdk/tpm/tpm.ts';
import { type Command, type Output, UsageError } from '../command.ts';
import { readJson } from '../support/files.ts';
import { readOptions } from '../support/options.ts';
import { pem } from '../support/pem.ts';
import { ServerRefusal } from '../support/server.ts';
import { openTpm } from '../support/tpm-socket.ts';

/** What a renewal needs again. The keys are wrapped by the TPM, and of no use anywhere else. */
const Kept = v.object({
  device: v.string(),
  chain: v.array(v.string()),
  notAfter: v.number(),
  identityKey: v.object({ public: v.string(), private: v.string() }),
  attestationKey: v.object({ public: v.string(), private: v.string() }),
});

const OPTIONS = { tpm: { type: 'string' }, out: { type: 'string' } } as const;
const USAGE = '--tpm SOCKET|DEVICE|HOST:PORT --out DIR';

/** A Linux machine gets an attested certificate, without account: profile `device`. */
export const enroll: Command = {
  name: 'enroll',
  usage: USAGE,
  about: 'an attested certificate for a key in this machine’s TPM, and files that OpenSSL uses',
  async run(args, output) {
    const { tpm, out } = places(args);
    if (existsSync(join(out, 'identity.json'))) throw new UsageError(`${out} holds an identity already: renew it`);
    return withTpm(tpm, async (opened) => {
      const identity = await TpmIdentity.create(opened);
      try {
        const made = await answered(enrollAlone(config(), tpmAttester(identity)));
        write(out, made, identity, output);
      } finally {
        await identity.close();
      }
    });
  },
};

/** The same key under a new certificate; the TPM certifies it once more. */
export const renew: Command = {
  name: 'renew',
  usage: USAGE,
  about: 'a new certificate for what `enroll` wrote, before or up to 90 days after it ends',
  async run(args, output) {
    const { tpm, out } = places(args);
    const read = v.safeParse(Kept, readJson(join(out, 'identity.json')));
    if (!read.success) throw new UsageError(`${out}/identity.json is not what \`enroll\` wrote`);
    const { device, chain, notAfter, ...keys } = read.output;
    return withTpm(tpm, async (opened) => {
      const identity = await TpmIdentity.restore(opened, keys);
      try {
        const ders = chain.map((text) => fromBase64url(text) ?? new Uint8Array());
        const before: LoneDevice = { device, key: identity, chain: ders, notAfter };
        write(out, await answered(renewAlone(config(), before, tpmAttester(identity))), identity, output);
      } finally {
        await identity.close();
      }
    });
  },
};

function places(args: readonly string[]): { tpm: string; out: string } {
  const { values, positionals } = readOptions(args, OPTIONS);
  if (positionals.length > 0 || values.tpm === undefined || values.out === undefined)
    throw new UsageError('--tpm and --out are needed');
  return { tpm: values.tpm, out: values.out };
}

function config(): ClientConfig {
  const origin = (process.env['CALLSIGN_URL'] ?? 'http://127.0.0.1:8787').replace(/\/$/, '');
  if (!URL.canParse(origin)) throw new UsageError('CALLSIGN_URL is no URL');
  return defaultConfig({ deployment: '', origin, roots: [], crypto: webCrypto(), store: memoryStore() });
}

async function withTpm(where: string, work: (tpm: Tpm) => Promise<void>): Promise<number> {
  const driver = await openTpm(where).catch((error: unknown) => {
    throw new UsageError(`no TPM at ${where}: ${error instanceof Error ? error.message : 'unknown'}`);
  });
  try {
    await work(new Tpm(driver));
    return 0;
  } finally {
    await driver.close();
  }
}

/** What the server says no to, in a sentence. */
async function answered<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    if (!(error instanceof CallsignError)) throw error;
    throw new ServerRefusal(`${error.code}: ${error.reason}`);
  });
}

function write(out: string, { device, chain, notAfter }: LoneDevice, identity: TpmIdentity, output: Output): void {
  mkdirSync(out, { recursive: true, mode: 0o700 });
  const kept = { device, chain: chain.map((der) => base64url(der)), notAfter, ...identity.wrapped };
  const files = {
    'key.pem': keyFile(identity.wrapped.identityKey),
    'certificate.pem': chain.map((der) => pem('CERTIFICATE', der)).join(''),
    'identity.json': `${JSON.stringify(kept)}\n`,
  };
  for (const [name, text] of Object.entries(files)) replace(join(out, name), text);
  output.line(`device ${device}, certificate until ${new Date(notAfter).toISOString()}`);
  output.line(`${join(out, 'certificate.pem')}  the certificate, and its issuer`);
  output.line(`${join(out, 'key.pem')}  the key, wrapped by this TPM: OpenSSL reads it with the provider tpm2`);
}

/** Whoever reads meanwhile sees the old file or the new one. */
function replace(path: string, text: string): void {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
