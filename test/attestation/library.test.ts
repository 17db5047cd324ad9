import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vectorFolder } from '../../cli/support/files.ts';
import { evidenceOf } from '../../cli/vectors/evidence.ts';
import { readVectorFile } from '../../cli/vectors/vector.ts';
import { judge, type Question } from '../../demo/verdict/verdict.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { startWorkerd, type Workerd } from '../support/workerd.ts';

/** One of each kind of chain, and refusals. */
const SAMPLES = {
  'webauthn-packed': [
    'yubikey-5-nfc-es256-example-com',
    'feitian-biopass-three-certificates',
    'unipi-virtual-claims-windows-hello-aaguid',
  ],
  'webauthn-tpm': ['windows-hello-ntc-ecc-2022', 'windows-hello-stm-rsa-2020'],
  'webauthn-android-key': ['pixel-8a-rkp'],
  'webauthn-apple': ['apple-2021-08', 'apple-2020-09-after-expiry'],
  'android-keystore': ['caiman-sdk36-tee-ec-rkp', 'blueline-sdk28-sb-rsa-none', 'tegu-sdk36-sb-ec-2026-root'],
  'app-attest': ['app-attest-kayak-production'],
} as const;

const questions = existsSync(vectorFolder)
  ? Object.entries(SAMPLES).flatMap(([family, ids]) => {
      const { vectors } = readVectorFile(join(vectorFolder, `${family}.json`));
      return ids.map((id) => {
        const { evidence, expected } = evidenceOf(vectors.find((vector) => vector.id === id)!)!;
        const { transcript, identityKey } = expected;
        const asked = { ...expected, transcript: base64url(transcript), identityKey: base64url(identityKey) };
        return [id, { policy: 'development', evidence, expected: asked } satisfies Question] as const;
      });
    })
  : [];

const inDeno = 'Deno' in globalThis;

describe.skipIf(questions.length === 0)('the attestation library', () => {
  let worker: Workerd | undefined;
  beforeAll(async () => {
    if (!inDeno) worker = await startWorkerd({ entry: 'demo/verdict/verdict.ts', objects: {} });
  });
  afterAll(() => worker?.stop());

  it.skipIf(inDeno).each(questions)(
    '%s: workerd and this runtime give the same verdict, check by check',
    async (_, question) => {
      const response = await fetch(worker!.url, { method: 'POST', body: JSON.stringify(question) });
      expect(await response.json()).toEqual(JSON.parse(JSON.stringify(await judge(question))));
    },
  );

  it('accepts and refuses here', async () => {
    const decisions = await Promise.all(questions.map(async ([, question]) => (await judge(question)).decision));
    expect(decisions.filter((decision) => decision === 'accept').length).toBeGreaterThan(6);
    expect(decisions).toContain('refuse');
  });
});
