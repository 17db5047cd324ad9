/** The server's side of a TPM enrollment inside workerd itself, the client's side a TPM: what the library says in Node, it says there. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPublic } from '../../src/attestation/tpm/public.ts';
import { ACTIVATION_RANDOMNESS } from '../../src/attestation/tpm/activation.ts';
import { spkiOf } from '../../src/attestation/tpm/spki.ts';
import type { Verdict } from '../../src/attestation/verdict.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { TpmIdentity } from '../../src/sdk/tpm/identity.ts';
import type { SoftwareTpm } from '../support/swtpm.ts';
import { startSwtpm, swtpmInstalled } from '../support/swtpm.ts';
import type { Workerd } from '../support/workerd.ts';
import { startWorkerd } from '../support/workerd.ts';
import { TEST_NOW } from './support/ca.ts';
import type { challenge } from './support/tpm-enrollment.ts';
import { random } from './support/tpm-enrollment.ts';
import type { Factory } from './support/tpm-factory.ts';
import { endorsementKeyOf, makeFactory, template } from './support/tpm-factory.ts';

describe.skipIf(!swtpmInstalled)('a TPM enrollment judged in workerd', () => {
  let machine: SoftwareTpm;
  let factory: Factory;
  let worker: Workerd;

  beforeAll(async () => {
    machine = await startSwtpm();
    factory = await makeFactory();
    worker = await startWorkerd({ entry: 'test/attestation/support/tpm-worker.ts', objects: {} });
  });
  afterAll(async () => {
    await machine.stop();
    await worker.stop();
  });

  async function call<T>(path: string, body: object): Promise<T> {
    const response = await fetch(`${worker.url}/${path}`, { method: 'POST', body: JSON.stringify(body) });
    return (await response.json()) as T;
  }

  it.each(['L-1', 'L-2', 'H-3', 'H-4'])('is accepted with an endorsement key of template %s', async (name) => {
    const { key } = readPublic(await endorsementKeyOf(machine, template(name)))!;
    const certificates = await factory.certify(spkiOf(key), key.type === 'rsa');
    const identity = await TpmIdentity.create(machine.tpm);
    const request = (await identity.activationRequest({ template: template(name), certificates }))!;
    const [nonce, transcript] = [base64url(random(32)), random(32)];
    const asked = { ...request, nonce, random: base64url(random(ACTIVATION_RANDOMNESS)) };
    const { credential, state } = await call<Awaited<ReturnType<typeof challenge>>>('activation', asked);
    const activated = await identity.activate(credential);
    const evidence = await identity.attest(request, activated, transcript);
    await identity.close();
    const judged = {
      evidence: { format: 'tpm2', ...evidence },
      transcript: base64url(transcript),
      identityKey: base64url(identity.spki),
      activation: state,
      now: TEST_NOW,
      root: base64url(factory.anchor.certificate.der),
    };
    expect(await call<Verdict>('verdict', judged)).toMatchObject({
      decision: 'accept',
      assurance: { attestedKeyHardware: 'discrete-tpm' },
    });
    const other = { ...judged, transcript: base64url(random(32)) };
    expect(await call<Verdict>('verdict', other)).toMatchObject({ decision: 'refuse', reason: 'challenge-mismatch' });
  });
});
