import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifyAssertion } from '../../src/attestation/apple/assertion.ts';
import { verifyReceipt } from '../../src/attestation/apple/receipt.ts';
import { appAttest } from '../../src/attestation/formats/app-attest.ts';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import type { Reason } from '../../src/attestation/verdict.ts';
import { base64url, fromBase64url } from '../../src/bytes/base64url.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import * as apple from './support/apple.ts';
import * as ca from './support/ca.ts';
import * as der from './support/der.ts';
import { judgeFormat } from './support/judge.ts';
import { mutation } from './support/mutate.ts';

const policy: Policy = { ...policies.standard, apple: { applications: [apple.APP_ID], environments: ['production'] } };
const now = ca.TEST_NOW;
const DAY = 86_400_000;

interface Change {
  readonly transcript?: Uint8Array;
  readonly policy?: Policy;
  readonly now?: number;
}

async function judgeFields(fields: Parameters<typeof appAttest.read>[0], change: Change = {}) {
  const expected = { transcript: change.transcript ?? apple.TRANSCRIPT, now: change.now ?? now };
  return judgeFormat(appAttest, { fields, expected, trust: apple.trust, policy: change.policy ?? policy });
}

const judge = async (attestation: apple.Attestation = {}, change: Change = {}) =>
  judgeFields((await apple.makeAttestation(attestation)).fields, change);

const stranger = await ca.makeKey();
const wide = await ca.makeKey('P-384');
const good = await apple.makeAttestation();
const isCa = [ca.basicConstraints(true), ca.keyUsage(0x04)];

describe('an App Attest key is accepted', () => {
  it('as a key in the Secure Enclave that vouches for another', async () => {
    const judged = await judgeFields(good.fields);
    expect(judged.reason).toBe('accept');
    expect(judged.finding).toMatchObject({
      identityBinding: 'vouched',
      assurance: { attestedKeyHardware: 'secure-enclave', identityKeyHardware: 'unproven', trustAnchor: 'TEST-APPLE' },
    });
    expect(judged.finding?.attestedKey).toEqual(good.spki);
    expect(judged.steps.facts).toMatchObject({
      app: { appId: apple.APP_ID, environment: 'production', systemVersion: '18.1' },
    });
    expect(judged.steps.checks.every((check) => check.outcome === 'pass')).toBe(true);
  });

  it('from the development environment where policy takes it', async () => {
    const development: Policy = { ...policy, apple: { ...policy.apple, environments: ['development'] } };
    const attestation = { aaguid: apple.DEVELOPMENT, receipt: { fields: { 7: utf8('sandbox') } } };
    expect((await judge(attestation, { policy: development })).reason).toBe('accept');
  });

  it('with a receipt in BER, and with signed attributes of either kind', async () => {
    for (const receipt of [
      { indefinite: true },
      { attributes: 'signed' as const },
      { attributes: 'beside' as const, indefinite: true },
    ]) {
      expect((await judge({ receipt })).reason).toBe('accept');
    }
  });
});

describe('an App Attest key is refused', () => {
  const cases: readonly [string, apple.Attestation, Change, Reason, string][] = [
    ['one certificate', { x5c: (chain) => chain.slice(0, 1) }, {}, 'chain-invalid', 'app-attest.certificates'],
    ['the root among its certificates', { x5c: (chain) => chain }, {}, 'chain-invalid', 'app-attest.certificates'],
    [
      'another root of the same name',
      { root: { key: stranger, subject: der.commonName('TEST App Attest Root'), extensions: isCa } },
      {},
      'untrusted-root',
      'path.apple',
    ],
    [
      'an intermediate that is no CA',
      { middle: { extensions: [ca.basicConstraints(false)] } },
      {},
      'chain-invalid',
      'path.apple',
    ],
    ['a leaf that is a CA', { leaf: { extensions: isCa } }, {}, 'chain-invalid', 'path.apple'],
    ['an expired leaf', {}, { now: now + 500 * DAY }, 'chain-expired', 'path.apple'],
    [
      'a P-384 key',
      { key: wide, credentialPoint: apple.point(apple.deviceKey) },
      {},
      'signature-algorithm',
      'app-attest.key',
    ],
    ['no nonce', { leaf: { extensions: [ca.basicConstraints(false)] } }, {}, 'malformed', 'app-attest.nonce'],
    [
      'a nonce without its sequence',
      { nonceExtension: der.octets(new Uint8Array(32)) },
      {},
      'malformed',
      'app-attest.nonce',
    ],
    [
      'two nonces',
      { nonceExtension: der.seq(der.context(1, der.octets()), der.context(1, der.octets())) },
      {},
      'malformed',
      'app-attest.nonce',
    ],
    [
      'the transcript of another request',
      {},
      { transcript: new Uint8Array(32).fill(8) },
      'challenge-mismatch',
      'app-attest.challenge',
    ],
    ['a nonce over something else', { nonce: new Uint8Array(32) }, {}, 'challenge-mismatch', 'app-attest.challenge'],
    [
      'the key identifier of another key',
      { keyId: apple.sha256(apple.point(stranger)) },
      {},
      'key-mismatch',
      'app-attest.key-id',
    ],
    [
      'another key in the authenticator data',
      { credentialPoint: apple.point(stranger) },
      {},
      'key-mismatch',
      'app-attest.credential-key',
    ],
    ['another app', { appId: 'TESTTEAM01.org.example.other' }, {}, 'application', 'app-attest.application'],
    [
      'a policy that names no app',
      {},
      { policy: { ...policy, apple: { ...policy.apple, applications: [] } } },
      'application',
      'app-attest.application',
    ],
    ['a counter above zero', { counter: 1 }, {}, 'counter', 'app-attest.counter'],
    ['the other environment', { aaguid: apple.DEVELOPMENT }, {}, 'environment', 'app-attest.environment'],
    [
      'production where policy asks development',
      {},
      { policy: { ...policy, apple: { ...policy.apple, environments: ['development'] } } },
      'environment',
      'app-attest.environment',
    ],
    ['an AAGUID of no environment', { aaguid: utf8('appattestdeveloq') }, {}, 'attributes', 'app-attest.aaguid'],
    [
      'a credential id that is not the key identifier',
      { credentialId: new Uint8Array(32) },
      {},
      'key-mismatch',
      'app-attest.credential-id',
    ],
    ['a receipt by another signer', { receipt: { key: stranger } }, {}, 'signature-invalid', 'app-attest.receipt'],
    [
      'a receipt under another root',
      { receipt: { root: { key: stranger, extensions: isCa } } },
      {},
      'untrusted-root',
      'app-attest.receipt',
    ],
    [
      'a receipt by a leaf of another kind under the right root',
      { receipt: { signer: { extensions: [ca.basicConstraints(false)] } } },
      {},
      'chain-invalid',
      'app-attest.receipt',
    ],
    [
      'a receipt for another key',
      { receipt: { fields: { 3: stranger.spki } } },
      {},
      'key-mismatch',
      'app-attest.receipt-key',
    ],
    [
      'a receipt for another app',
      { receipt: { fields: { 2: utf8('TESTTEAM01.org.example.other') } } },
      {},
      'key-mismatch',
      'app-attest.receipt-key',
    ],
    [
      'a receipt for another request',
      { receipt: { fields: { 4: new Uint8Array(32) } } },
      {},
      'challenge-mismatch',
      'app-attest.receipt-challenge',
    ],
    [
      'a receipt of another kind',
      { receipt: { fields: { 6: utf8('RECEIPT') } } },
      {},
      'attributes',
      'app-attest.receipt-type',
    ],
    [
      'a receipt of the other environment',
      { receipt: { fields: { 7: utf8('sandbox') } } },
      {},
      'environment',
      'app-attest.receipt-environment',
    ],
    ['an old receipt', {}, { now: now + 301_000 }, 'attributes', 'app-attest.receipt'],
    [
      'a receipt of the future',
      { receipt: { fields: { 12: utf8(new Date(now + 61_000).toISOString()) } } },
      {},
      'attributes',
      'app-attest.receipt',
    ],
    [
      'an expired receipt',
      { receipt: { fields: { 21: utf8(new Date(now - 1).toISOString()) } } },
      {},
      'attributes',
      'app-attest.receipt',
    ],
    [
      'a receipt whose attributes are of other content',
      { receipt: { attributes: 'beside', digest: new Uint8Array(32) } },
      {},
      'signature-invalid',
      'app-attest.receipt',
    ],
    [
      'a receipt whose signer is not included',
      { receipt: { withoutCertificates: true } },
      {},
      'chain-invalid',
      'app-attest.receipt',
    ],
    ['a receipt without its key', { receipt: { omit: 3 } }, {}, 'malformed', 'app-attest.receipt'],
    [
      'a receipt with a metric that is no number',
      { receipt: { fields: { 17: utf8('many') } } },
      {},
      'malformed',
      'app-attest.receipt',
    ],
  ];

  it.each(cases)('with %s', async (_, attestation, change, reason, check) => {
    expect(await judge(attestation, change)).toMatchObject({ reason, check });
  });

  it.each<[string, apple.Attestation]>([
    ['another format', { format: 'apple' }],
    ['bytes after the authenticator data', { trailing: new Uint8Array([0]) }],
    ['no certificate', { x5c: () => [] }],
    ['a certificate that is none', { x5c: () => [new Uint8Array([0x30, 0])] }],
  ])('as malformed with %s', async (_, attestation) => {
    expect(await judge(attestation)).toMatchObject({ reason: 'malformed', check: 'app-attest.syntax' });
  });

  it('as malformed with bytes after the object', async () => {
    const attestationObject = base64url(new Uint8Array([...good.object, 0]));
    expect((await judgeFields({ ...good.fields, attestationObject })).reason).toBe('malformed');
  });

  it('whatever byte is changed outside the receipt, whose container may be written in several ways', async () => {
    const start = Buffer.from(good.object).indexOf(good.receipt);
    const outside = (bytes: Uint8Array) => {
      const tail = bytes.length - (good.object.length - start - good.receipt.length);
      return Buffer.concat([bytes.subarray(0, start), bytes.subarray(tail)]).toString('hex');
    };
    await fc.assert(
      fc.asyncProperty(mutation(good.object), async (bytes) => {
        const judged = await judgeFields({ ...good.fields, attestationObject: base64url(bytes) });
        const [got, original] = [outside(bytes), outside(good.object)];
        expect(judged.reason === 'accept' ? got : original).toBe(original);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a receipt', () => {
  const question = { trust: apple.trust, now, maxAgeMs: 300_000 };
  const fields = apple.receiptFields(stranger.spki, new Uint8Array(32));

  it('says what Apple put into it', async () => {
    const metric = { 6: utf8('RECEIPT'), 17: utf8('3'), 19: utf8('2026-01-16T00:00:00.5Z') };
    const result = await verifyReceipt(await apple.makeReceipt(fields, { fields: metric }), question);
    expect(result).toMatchObject({
      ok: true,
      receipt: { appId: apple.APP_ID, type: 'RECEIPT', environment: 'production', riskMetric: 3 },
    });
    expect(result).toMatchObject({ receipt: { notBefore: Date.UTC(2026, 0, 16) + 500, creationTime: now - 1000 } });
  });

  it('is signed by no other leaf under the same root', async () => {
    const key = await ca.makeKey();
    const signer = { key, extensions: [ca.basicConstraints(false), ca.keyUsage(0x80)] };
    const result = await verifyReceipt(await apple.makeReceipt(fields, { signer, key }), question);
    expect(result).toMatchObject({ ok: false, reason: 'chain-invalid', detail: 'the signer is not one of receipts' });
  });

  it('is signed under no other intermediate of the same root', async () => {
    const other = { key: stranger, subject: der.commonName('TEST Other CA'), extensions: isCa };
    const result = await verifyReceipt(await apple.makeReceipt(fields, { ca: other }), question);
    expect(result).toMatchObject({ ok: false, detail: 'the signer is not one of receipts' });
  });

  it('does not take signed attributes for content', async () => {
    const receipt = await apple.makeReceipt(fields, { attributes: 'signed', digest: new Uint8Array(32) });
    expect(await verifyReceipt(receipt, question)).toMatchObject({ ok: false, reason: 'signature-invalid' });
  });

  it('needs an anchor of its own kind', async () => {
    const trust = { ...apple.trust, anchors: apple.trust.anchors.filter((anchor) => anchor.class !== 'metadata') };
    const receipt = await apple.makeReceipt(fields);
    expect(await verifyReceipt(receipt, { ...question, trust })).toMatchObject({ reason: 'untrusted-root' });
  });

  it.each(['not a date', '2026-01-15', '2026-01-15T00:00:00', '2026-13-15T00:00:00Z', '2026-01-15T00:00:00+01:00'])(
    'is malformed with the creation time %j',
    async (text) => {
      const receipt = await apple.makeReceipt(fields, { fields: { 12: utf8(text) } });
      expect(await verifyReceipt(receipt, question)).toMatchObject({ reason: 'malformed' });
    },
  );

  it.each([false, true])(
    'is never accepted with other content, in DER or (%s) in BER; no mutation throws',
    async (indefinite) => {
      const receipt = await apple.makeReceipt(fields, { indefinite });
      const original = await verifyReceipt(receipt, question);
      await fc.assert(
        fc.asyncProperty(mutation(receipt), async (bytes) => {
          const result = await verifyReceipt(bytes, question);
          expect([original, { ok: false }]).toContainEqual(result.ok ? result : { ok: false });
        }),
        { numRuns: 1500 },
      );
    },
  );
});

describe('an assertion', () => {
  const clientData = utf8('what the server asked');
  const question = { clientData, attestedKey: apple.deviceKey.spki, applications: [apple.APP_ID], previousCounter: 4 };
  const assertion = (change: Partial<apple.Assertion> = {}) =>
    apple.makeAssertion({ clientData, counter: 5, ...change });

  it('is accepted with a counter that grew', async () => {
    expect(await verifyAssertion(await assertion(), question)).toEqual({ ok: true, counter: 5 });
    expect(await verifyAssertion(await assertion({ counter: 900 }), question)).toEqual({ ok: true, counter: 900 });
  });

  it.each<[string, Partial<apple.Assertion>, string]>([
    ['a counter that stands', { counter: 4 }, 'counter'],
    ['a counter that goes back', { counter: 0 }, 'counter'],
    ['another app', { appId: 'TESTTEAM01.org.example.other' }, 'application'],
    ['another key', { key: stranger }, 'signature-invalid'],
    ['other client data', { clientData: utf8('what the server did not ask') }, 'signature-invalid'],
    ['a signature over the data instead of the nonce', { once: true }, 'signature-invalid'],
    ['bytes after the header', { extra: new Uint8Array([0]) }, 'malformed'],
  ])('is refused with %s', async (_, change, reason) => {
    expect(await verifyAssertion(await assertion(change), question)).toEqual({ ok: false, reason });
  });

  it('is refused at counter zero before the first', async () => {
    const result = await verifyAssertion(await assertion({ counter: 0 }), { ...question, previousCounter: 0 });
    expect(result).toEqual({ ok: false, reason: 'counter' });
  });

  it('is refused whatever byte is changed', async () => {
    const original = await assertion();
    await fc.assert(
      fc.asyncProperty(mutation(original), async (bytes) => {
        const result = await verifyAssertion(bytes, question);
        expect(result.ok).toBe(Buffer.from(bytes).equals(Buffer.from(original)));
      }),
      { numRuns: 1500 },
    );
  });
});

it('evidence without its fields, or with fields of another kind, is malformed', () => {
  for (const fields of [
    {},
    { attestationObject: good.fields.attestationObject },
    { attestationObject: 1, keyId: good.fields.keyId },
    { attestationObject: 'AA==', keyId: good.fields.keyId },
    { attestationObject: base64url(new Uint8Array(20_000)), keyId: good.fields.keyId },
    { attestationObject: good.fields.attestationObject, keyId: base64url(new Uint8Array(65)) },
  ]) {
    expect(appAttest.read({ format: 'app-attest', ...fields })).toBeNull();
  }
  expect(fromBase64url(good.fields.keyId)).toHaveLength(32);
});
