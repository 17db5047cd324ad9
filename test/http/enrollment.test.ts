/** Every format enrolls over the server's own routes, and its evidence is worth nothing for anything but what it was made for. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import { type Policy, policies } from '../../src/attestation/index.ts';
import { base64url, fromBase64url } from '../../src/bytes/base64url.ts';
import { readIdentity } from '../../src/identity/certificate.ts';
import type { Enrollment } from '../../src/protocol/api.ts';
import { TpmIdentity } from '../../src/sdk/tpm/identity.ts';
import { ATTESTATION_KEY_RSA } from '../../src/sdk/tpm/templates.ts';
import * as phone from '../attestation/support/android-chain.ts';
import * as iphone from '../attestation/support/apple.ts';
import * as authenticator from '../attestation/support/authenticator.ts';
import * as ca from '../attestation/support/ca.ts';
import { makeChain } from '../attestation/support/chain.ts';
import { type Factory, makeFactory, provision, template } from '../attestation/support/tpm-factory.ts';
import { type Ask, attempt, type Maker, signer, type Spoil } from '../support/enrolling.ts';
import { inProcess } from '../support/in-process.ts';
import { type SoftwareTpm, startSwtpm, swtpmInstalled } from '../support/swtpm.ts';

const place = await inProcess();
const now = () => place.simulator.now;
afterAll(() => place.stop());
const factory: Factory = await makeFactory();

const policy: Policy = {
  ...policies.standard,
  apple: { applications: [iphone.APP_ID], environments: ['production'] },
  android: {
    ...policies.standard.android,
    applications: [{ package: 'org.example.calls', digests: ['ab'.repeat(32)] }],
  },
};
const store = {
  anchors: [
    { ...phone.trust().anchors[0]!, id: 'TEST-ANDROID', formats: ['android-keystore'] as const },
    { ...authenticator.anchor, id: 'TEST-PACKED', formats: ['packed'] as const },
    { ...factory.anchor, formats: ['tpm2'] as const },
    ...iphone.trust.anchors,
  ],
  intermediates: [],
  metadata: null,
  androidStatus: { fetchedAt: place.simulator.now, entries: new Map() },
};
const trust = { base: store, current: async () => store, reload: async () => store };
const logged: Record<string, unknown>[] = [];
const services = await place.services({
  trust,
  policy,
  log: (line) => logged.push({ ...line }),
});
const app = createApp(() => services);

const ask: Ask = async (path, body) =>
  app.request(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });

const androidKeystore: Maker = {
  format: 'android-keystore',
  async make() {
    const key = await ca.makeKey();
    return {
      key: signer(key),
      async evidence(challenge) {
        const chain = await makeChain(phone.remote(phone.leaf({ challenge }, { key })));
        return { certificateChain: chain.ders.map((der) => base64url(der)) };
      },
    };
  },
};

const appAttest: Maker = {
  format: 'app-attest',
  async make() {
    const key = await ca.makeKey();
    return {
      key: signer(await ca.makeKey()),
      async evidence(transcript) {
        const { format: _, ...fields } = (
          await iphone.makeAttestation({ transcript, key, receipt: iphone.receiptOf(now()) })
        ).fields;
        return fields;
      },
    };
  },
};

const webauthn: Maker = {
  format: 'webauthn',
  async make() {
    return {
      key: signer(await ca.makeKey()),
      async evidence(transcript) {
        const credential = await ca.makeKey();
        const data = authenticator.authenticatorData({
          credentialId: crypto.getRandomValues(new Uint8Array(32)),
          key: authenticator.coseKey(credential),
        });
        const client = authenticator.clientData({ challenge: base64url(transcript) });
        const { format: _, ...fields } = await authenticator.packed({ data, client });
        return fields;
      },
    };
  },
};

async function told(response: Response): Promise<unknown> {
  const body = (await response.json()) as Record<string, unknown>;
  return response.status === 201 ? 'certified' : body['reason'];
}

const other32 = new Uint8Array(32).fill(9);
const stranger = signer(await ca.makeKey());
const strangerKey = (await ca.makeKey()).spki;

/** What evidence is bound to: exactly one of them is another's. */
const bound: readonly [string, Spoil, string][] = [
  ['deployment', { signs: { origin: 'https://other.example' } }, 'challenge'],
  ['format', { signs: { format: 'linked' } }, 'challenge'],
  ['request', { signs: { nonce: other32 } }, 'challenge'],
  ['purpose', { signs: { purpose: 'renew' } }, 'challenge'],
  ['device', { signs: { deviceId: new Uint8Array(16).fill(9) } }, 'challenge'],
  ['key', { signs: { identityKey: strangerKey } }, 'challenge'],
  ['account', { signs: { accountId: other32 } }, 'challenge'],
];
/** What the certification request is bound to, by the key itself. */
const requested: readonly [string, Spoil, string][] = [
  ['deployment', { requests: { origin: 'https://other.example' } }, 'csr-transcript'],
  ['format', { requests: { format: 'linked' } }, 'csr-transcript'],
  ['request', { requests: { nonce: other32 } }, 'csr-transcript'],
  ['purpose', { requests: { purpose: 'renew' } }, 'csr-transcript'],
  ['device', { requests: { deviceId: new Uint8Array(16).fill(9) } }, 'csr-transcript'],
  ['account', { requests: { accountId: other32 } }, 'csr-transcript'],
  ['key', { asks: stranger }, 'csr-key'],
];

function enrolls(maker: () => Maker, hardware: string, binding: string): void {
  it('gets a certificate that says what was proved', async () => {
    const response = await attempt(ask, maker());
    expect(response.status).toBe(201);
    const enrolled = (await response.json()) as Enrollment;
    const { assurance } = readIdentity(fromBase64url(enrolled.certificate[0]!)!)!;
    expect(assurance).toMatchObject({ binding, attestedKeyHardware: hardware, policy: 'standard-1' });
  });

  it.each(bound)('is refused when the hardware signed for another %s', async (_, spoil, reason) => {
    expect(await told(await attempt(ask, maker(), spoil))).toBe(reason);
  });

  it.each(requested)('is refused when the request is for another %s', async (_, spoil, reason) => {
    expect(await told(await attempt(ask, maker(), spoil))).toBe(reason);
  });

  it('is refused as an answer to the challenge of another format', async () => {
    expect(await told(await attempt(ask, maker(), { sends: 'none' }))).toBe('challenge');
  });
}

describe('Android Keystore', () => {
  enrolls(() => androidKeystore, 'tee', 'key-attested');

  it('names the key and the account in its request alone, because its challenge is older than its key', async () => {
    const early = { identityKey: new Uint8Array(), accountId: new Uint8Array() };
    expect(await told(await attempt(ask, androidKeystore, { requests: early }))).toBe('csr-transcript');
  });

  it('is refused when the certified key is not the one that asks', async () => {
    const swapped: Maker = {
      ...androidKeystore,
      make: async () => ({ ...(await androidKeystore.make()), key: stranger }),
    };
    expect(await told(await attempt(ask, swapped))).toBe('key');
  });
});

describe('App Attest', () => {
  enrolls(() => appAttest, 'secure-enclave', 'vouched');
});

describe('WebAuthn', () => {
  enrolls(() => webauthn, 'security-key', 'vouched');

  it('is asked for what policy takes', async () => {
    const { options } = (await (await ask('/v1/enrollments/challenges', { format: 'webauthn' })).json()) as {
      options: Record<string, unknown>;
    };
    expect(options).toMatchObject({
      rp: { id: 'calls.example' },
      attestation: 'direct',
      authenticatorSelection: { residentKey: 'discouraged', userVerification: 'required' },
      pubKeyCredParams: policy.webauthn.algorithms.map((alg) => ({ type: 'public-key', alg })),
    });
    expect(options).not.toHaveProperty('challenge');
    const bare = await (await ask('/v1/enrollments/challenges', { format: 'tpm2' })).json();
    expect(bare).not.toHaveProperty('options');
  });

  it('with a key that may be copied is refused', async () => {
    const synced: Maker = {
      ...webauthn,
      make: async () => ({
        key: signer(await ca.makeKey()),
        async evidence(transcript) {
          const client = authenticator.clientData({ challenge: base64url(transcript) });
          const { format: _, ...fields } = await authenticator.packed({
            data: authenticator.authenticatorData({ flags: 0x4d }),
            client,
          });
          return fields;
        },
      }),
    };
    expect(await told(await attempt(ask, synced))).toBe('policy');
    const refusal = logged.findLast(({ event }) => event === 'enrollment.refused');
    expect(refusal).toMatchObject({ reason: 'syncable', check: 'webauthn.syncable' });
  });
});

describe.skipIf(!swtpmInstalled).each([
  ['RSA', 'L-1', ATTESTATION_KEY_RSA],
  ['elliptic', 'L-2', undefined],
] as const)('a TPM with an %s endorsement key', (_kind, name, attestationKey) => {
  let machine: SoftwareTpm;
  beforeAll(async () => {
    machine = await startSwtpm();
    await provision(machine, factory, template(name));
  });
  afterAll(() => machine.stop());

  const tpm2: Maker = {
    format: 'tpm2',
    async make() {
      const identity = await TpmIdentity.create(machine.tpm, attestationKey ? { attestationKey } : {});
      return {
        key: identity,
        async evidence(transcript, token) {
          const request = (await identity.activationRequest())!;
          const answer = await ask('/v1/enrollments/activations', { token, ...request });
          const activated = await identity.activate((await answer.json()) as Parameters<typeof identity.activate>[0]);
          return { ...(await identity.attest(request, activated, transcript)) };
        },
        done: () => identity.close(),
      };
    },
  };
  enrolls(() => tpm2, 'discrete-tpm', 'key-attested');
});
