/** Evidence made for one deployment, format, request, purpose, device, key or account is refused for any other. */
import { describe, expect, it } from 'vitest';
import { androidKeystore } from '../../src/attestation/formats/android-keystore.ts';
import { appAttest } from '../../src/attestation/formats/app-attest.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import { enrollmentTranscript } from '../../src/attestation/transcript.ts';
import type { EnrollmentFields } from '../../src/bytes/transcript.ts';
import * as phone from './support/android-chain.ts';
import * as iphone from './support/apple.ts';
import { makeKey, TEST_NOW } from './support/ca.ts';
import { makeChain } from './support/chain.ts';
import { judgeFormat } from './support/judge.ts';

const identity = await makeKey();
const other = await makeKey();

const request: EnrollmentFields = {
  origin: 'https://calls.example.org',
  format: 'app-attest',
  nonce: new Uint8Array(32).fill(1),
  purpose: 'device',
  deviceId: new Uint8Array(16).fill(2),
  identityKey: identity.spki,
  accountId: new Uint8Array(32).fill(3),
};

const others: readonly [string, Partial<EnrollmentFields>][] = [
  ['nothing else', {}],
  ['deployment', { origin: 'https://calls.example.com' }],
  ['format', { format: 'tpm2' }],
  ['request', { nonce: new Uint8Array(32).fill(9) }],
  ['purpose', { purpose: 'renewal' }],
  ['device', { deviceId: new Uint8Array(16).fill(9) }],
  ['key', { identityKey: other.spki }],
  ['account', { accountId: new Uint8Array(32).fill(9) }],
];

describe.each(others)('evidence for this request, judged for another %s', (name, change) => {
  const reason = name === 'nothing else' ? 'accept' : 'challenge-mismatch';

  it('App Attest', async () => {
    const { fields } = await iphone.makeAttestation({ transcript: enrollmentTranscript(request) });
    const apple = { applications: [iphone.APP_ID], environments: ['production' as const] };
    const judged = await judgeFormat(appAttest, {
      fields,
      expected: { transcript: enrollmentTranscript({ ...request, ...change }), now: TEST_NOW },
      trust: iphone.trust,
      policy: { ...policies.standard, apple },
    });
    expect(judged.reason).toBe(reason);
  });

  it('Android Keystore', async () => {
    // The challenge is fixed before the key exists: the key is compared with the leaf's instead.
    const made = { ...request, format: 'android-keystore', identityKey: new Uint8Array() };
    const chain = await makeChain(phone.remote(phone.leaf({ challenge: enrollmentTranscript(made) })));
    const judged = await judgeFormat(androidKeystore, {
      fields: phone.fields(chain),
      expected: {
        transcript: enrollmentTranscript({ ...made, ...change, identityKey: new Uint8Array() }),
        identityKey: change.identityKey ?? chain.certificates[0]!.spki,
        now: TEST_NOW,
      },
      trust: phone.trust(),
      policy: { ...policies.standard, android: { ...policies.standard.android, applications: 'any' } },
    });
    expect(judged.reason).toBe(name === 'key' ? 'key-mismatch' : reason);
  });
});
