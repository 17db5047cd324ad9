/** Android and App Attest vectors beyond right or wrong: the stricter policy, what was decoded, and whatever byte is changed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { policyOf } from '../../cli/vectors/app-attest.ts';
import { familyPolicy } from '../../cli/vectors/policy.ts';
import { bytes } from '../../cli/vectors/vector.ts';
import { readKeyDescription } from '../../src/attestation/android/key-description.ts';
import { readReceipt } from '../../src/attestation/apple/receipt.ts';
import { readSignedData } from '../../src/attestation/apple/signed-data.ts';
import { readCertificate, readCertificates } from '../../src/attestation/path/certificate.ts';
import { readableName } from '../../src/attestation/path/name.ts';
import { KEY_DESCRIPTION } from '../../src/attestation/path/profiles/android.ts';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import { builtInTrust } from '../../src/attestation/trust/load.ts';
import type { Reason } from '../../src/attestation/verdict.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { fromHex } from '../../src/bytes/hex.ts';
import { mutation } from './support/mutate.ts';
import { type VectorOf, vectors } from './support/vectors.ts';

interface AndroidInput {
  readonly certificateChain: readonly string[];
  readonly challenge: string;
}

interface AndroidFacts {
  readonly attestationVersion: number;
  readonly attestationSecurityLevel: string;
  readonly keyMintVersion: number;
  readonly keyMintSecurityLevel: string;
  readonly attestationChallenge: string;
  readonly origin: string | null;
  readonly originList: string | null;
  readonly verifiedBootState: string | null;
  readonly deviceLocked: boolean | null;
  readonly hardwareEnforced: Readonly<Record<string, unknown>>;
  readonly certificates: readonly { readonly subject: string; readonly serial: string; readonly notAfter: string }[];
}

type Android = VectorOf<AndroidInput, AndroidFacts>;
const android = vectors<AndroidInput, AndroidFacts>('android-keystore');

const trust = builtInTrust({ androidStatus: { fetchedAt: Number.MAX_SAFE_INTEGER, entries: new Map() } });
const strict: Policy = {
  ...policies.standard,
  android: { ...policies.standard.android, applications: 'any', minimumPatchLevel: null },
};

function judgeAndroid(vector: Android, policy: Policy, chain = vector.input.certificateChain) {
  const leaf = readCertificate(bytes(vector.input.certificateChain[0]!));
  const expected = {
    transcript: bytes(vector.input.challenge),
    identityKey: leaf!.spki,
    now: Date.parse(vector.verifyAt),
    rpId: '',
    origins: [],
  };
  return verifyEvidence({ format: 'android-keystore', certificateChain: chain }, expected, trust, policy);
}

const STRICT: Readonly<Record<string, Reason>> = {
  'boot-state-unverified': 'boot-state',
  'bootloader-unlocked': 'boot-state',
  'weak-key': 'weak-key',
};

describe.skipIf(android.length === 0)('Android vectors', () => {
  it.each(android.filter((vector) => vector.expect.strict !== undefined))(
    '$id is judged as its strict answer says under the policy that ships',
    async (vector) => {
      const verdict = await judgeAndroid(vector, strict);
      const { strict: answer } = vector.expect;
      const reasons = answer!.reasons.map((reason) => STRICT[reason]);
      expect(verdict.decision).toBe(answer!.verdict === 'accept' ? 'accept' : 'refuse');
      expect(answer!.verdict === 'accept' ? [undefined] : reasons).toContain(verdict.reason);
    },
  );

  it.each(android.filter((vector) => vector.expect.reason !== 'malformed'))(
    '$id says what was decoded from it',
    ({ input, facts }) => {
      const certificates = readCertificates(input.certificateChain.map(bytes))!;
      const description = readKeyDescription(certificates[0]!.extensions.get(KEY_DESCRIPTION)!.value)!;
      const levels = { software: 'SOFTWARE', tee: 'TRUSTED_ENVIRONMENT', strongbox: 'STRONG_BOX' };
      expect(description.attestationVersion).toBe(facts.attestationVersion);
      expect(levels[description.attestationSecurityLevel]).toBe(facts.attestationSecurityLevel);
      expect(description.keyMintVersion).toBe(facts.keyMintVersion);
      expect(levels[description.keyMintSecurityLevel]).toBe(facts.keyMintSecurityLevel);
      expect(base64url(description.challenge)).toBe(facts.attestationChallenge);
      const { hardwareEnforced: hardware, softwareEnforced: software } = description;
      const origin = facts.originList === 'softwareEnforced' ? software.origin : hardware.origin;
      expect(origin?.toUpperCase() ?? null).toBe(facts.origin);
      const root = hardware.rootOfTrust ?? software.rootOfTrust;
      expect(root?.verifiedBootState.toUpperCase().replace('-', '_') ?? null).toBe(facts.verifiedBootState);
      expect(root?.deviceLocked ?? null).toBe(facts.deviceLocked);
      for (const name of ['osVersion', 'osPatchLevel', 'vendorPatchLevel', 'bootPatchLevel', 'keySize'] as const) {
        expect(hardware[name]?.toString()).toBe(facts.hardwareEnforced[name]);
      }
      expect(certificates.map(({ serial }) => serial)).toEqual(facts.certificates.map(({ serial }) => serial));
      expect(certificates.map(({ notAfter }) => new Date(notAfter).toISOString())).toEqual(
        facts.certificates.map((one) => one.notAfter),
      );
      expect(certificates.map(({ subject }) => readableName(subject))).toEqual(
        facts.certificates.map(({ subject }) => subject),
      );
    },
  );

  it('an ML-DSA key is recognized, and is a matter of the runtime', async () => {
    const vector = android.find(({ id }) => id === 'tokay-sdk37-tee-mldsa-factory')!;
    const verdict = await judgeAndroid(
      vector,
      familyPolicy({ family: 'x', policy: { trustedAnchorClasses: ['hardware'] }, vectors: [] }),
    );
    const supported = await crypto.subtle
      .importKey('raw-public' as 'raw', new Uint8Array(1952), 'ML-DSA-65', false, ['verify'])
      .then(
        () => true,
        () => false,
      );
    expect(verdict.reason ?? 'accept').toBe(supported ? 'accept' : 'algorithm-unavailable');
  });

  it.each(android.filter((vector) => vector.expect.strict?.verdict === 'accept'))(
    '$id is refused whatever byte below the root is changed',
    async (vector) => {
      const chain = vector.input.certificateChain;
      const at = fc.nat({ max: chain.length - 2 });
      const changed = at.chain((index) =>
        mutation(bytes(chain[index]!)).map((der) => ({ index, der: base64url(der) })),
      );
      await fc.assert(
        fc.asyncProperty(changed, async ({ index, der }) => {
          const mutated = chain.map((original, i) => (i === index ? der : original));
          const verdict = await judgeAndroid(vector, strict, mutated);
          expect(verdict.decision).toBe(der === chain[index] ? 'accept' : 'refuse');
        }),
        { numRuns: 400 },
      );
    },
  );
});

interface ReceiptFacts {
  readonly type: string;
  readonly environment: string;
  readonly creationTime: string;
  readonly expirationTime: string;
  readonly notBefore: string | null;
  readonly riskMetric: string | null;
  readonly appId: string;
  readonly signedAttributes: boolean;
  readonly signer: { readonly serial: string };
}

interface AppleInput {
  readonly attestationObject: string;
  readonly keyId: string;
  readonly challenge: string;
  readonly teamId: string;
  readonly bundleId: string;
  readonly environment: string;
  readonly receipt: string;
  readonly furtherReceipts?: readonly { readonly receipt: string; readonly facts: ReceiptFacts }[];
}

const apple = vectors<AppleInput, { readonly receipt?: ReceiptFacts }>('app-attest');
const receipts = apple.flatMap(({ id, input, facts }) => [
  { id, receipt: input.receipt, facts: facts.receipt },
  ...(input.furtherReceipts ?? []).map(({ receipt, facts: own }, i) => ({
    id: `${id} further ${i}`,
    receipt,
    facts: own,
  })),
]);

describe.skipIf(apple.length === 0)('App Attest vectors', () => {
  it.each(receipts.filter(({ facts }) => facts !== undefined))(
    'the receipt of $id says what was decoded from it',
    ({ receipt, facts }) => {
      const signed = readSignedData(bytes(receipt))!;
      const read = readReceipt(signed.content)!;
      const instant = (text: string | null) => (text === null ? null : Date.parse(text));
      expect(read).toMatchObject({ type: facts!.type, environment: facts!.environment, appId: facts!.appId });
      expect(read.creationTime).toBe(instant(facts!.creationTime));
      expect(read.expirationTime).toBe(instant(facts!.expirationTime));
      expect(read.notBefore).toBe(instant(facts!.notBefore));
      expect(read.riskMetric?.toString() ?? null).toBe(facts!.riskMetric);
      expect(signed.signer.attributes !== null).toBe(facts!.signedAttributes);
      expect(signed.signer.serial).toBe(facts!.signer.serial);
    },
  );

  it('an attestation is refused whatever byte of its authenticator data, nonce or key id is changed', async () => {
    const vector = apple.find(({ id }) => id === 'app-attest-iphone-15-development')!;
    const { input } = vector;
    const object = bytes(input.attestationObject);
    const [start, end] = [
      Buffer.from(object).indexOf(fromHex('687265636569707459')!),
      Buffer.from(object).indexOf('authData'),
    ];
    const file = { family: 'app-attest', policy: { trustedAnchorClasses: ['hardware'] }, vectors: [] };
    const policy = policyOf(file, `${input.teamId}.${input.bundleId}`, input.environment);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: object.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        fc.pre(at < start || at >= end);
        const changed = object.slice();
        changed[at]! ^= flip;
        const expected = {
          transcript: bytes(input.challenge),
          identityKey: new Uint8Array(),
          now: Date.parse(vector.verifyAt),
          rpId: '',
          origins: [],
        };
        const evidence = { format: 'app-attest', attestationObject: base64url(changed), keyId: input.keyId };
        expect((await verifyEvidence(evidence, expected, trust, policy)).decision).toBe('refuse');
      }),
      { numRuns: 600 },
    );
  });
});
