import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policies } from '../../src/attestation/policy/shipped.ts';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { ACTIVATION_RANDOMNESS, challengeActivation, stateFor } from '../../src/attestation/tpm/activation.ts';
import { ATTRIBUTE } from '../../src/attestation/tpm/attributes.ts';
import type { Tpm2Json } from '../../src/attestation/tpm/evidence.ts';
import type { EccKey, PublicArea } from '../../src/attestation/tpm/public.ts';
import { encodePublic, readPublic } from '../../src/attestation/tpm/public.ts';
import { tpm2b } from '../../src/attestation/tpm/sized.ts';
import { spkiOf } from '../../src/attestation/tpm/spki.ts';
import { base64url, fromBase64url } from '../../src/bytes/base64url.ts';
import { concat, u16 } from '../../src/bytes/join.ts';
import type { Endorsement } from '../../src/sdk/tpm/endorsement.ts';
import { TpmIdentity } from '../../src/sdk/tpm/identity.ts';
import { ATTESTATION_KEY, ATTESTATION_KEY_RSA, IDENTITY_KEY } from '../../src/sdk/tpm/templates.ts';
import type { SoftwareTpm } from '../support/swtpm.ts';
import { startSwtpm, swtpmInstalled } from '../support/swtpm.ts';
import * as ca from './support/ca.ts';
import { challenge, enroll, judge, random } from './support/tpm-enrollment.ts';
import type { Enrollment, Wishes } from './support/tpm-enrollment.ts';
import type { Factory } from './support/tpm-factory.ts';
import { endorsementKeyOf, makeFactory, provision, template } from './support/tpm-factory.ts';
import { rocaModulus } from './support/roca.ts';

describe.skipIf(!swtpmInstalled)('a native TPM enrollment', () => {
  let machine: SoftwareTpm;
  let factory: Factory;
  /** One enrollment that holds; each refusal below changes one thing of it. */
  let good: Enrollment;

  beforeAll(async () => {
    machine = await startSwtpm();
    factory = await makeFactory();
    await provision(machine, factory, template('L-2'));
    good = await closed(enroll(machine.tpm, { pcrs: { bank: 'sha256', indices: [0, 7, 10] } }));
  });
  afterAll(() => machine.stop());

  async function closed(running: Promise<Enrollment>): Promise<Enrollment> {
    const enrollment = await running;
    await enrollment.identity.close();
    return enrollment;
  }

  async function enrollAndJudge(wishes: Wishes, policy?: Policy) {
    const { evidence, expected } = await closed(enroll(machine.tpm, wishes));
    return judge(evidence, expected, factory.trust, policy);
  }

  /** An endorsement key of another template, with a certificate of its own. */
  async function endorsementFrom(used: Endorsement['template']): Promise<Endorsement> {
    const { key } = readPublic(await endorsementKeyOf(machine, used))!;
    return { template: used, certificates: await factory.certify(spkiOf(key), key.type === 'rsa') };
  }

  describe('is accepted', () => {
    it('with the endorsement key whose certificate the TPM carries', async () => {
      const verdict = await judge(good.evidence, good.expected, factory.trust);
      expect(verdict).toMatchObject({ decision: 'accept', reason: null, identityBinding: 'key-attested' });
      expect(verdict.attestedKey).toBe(base64url(good.identity.spki));
      expect(verdict.assurance).toEqual({
        attestedKeyHardware: 'discrete-tpm',
        identityKeyHardware: 'discrete-tpm',
        freshness: 'challenge',
        trustAnchor: 'TEST-TPM-ROOT',
      });
      expect(verdict.checks.every(({ outcome }) => outcome === 'pass')).toBe(true);
      expect(verdict.facts).toMatchObject({ endorsementTemplate: 'L-2', tpm: { manufacturer: 'id:49465800' } });
    });

    it.each(['L-1', 'H-1', 'H-2', 'H-3', 'H-4', 'H-6'])('with an endorsement key of template %s', async (name) => {
      const endorsement = await endorsementFrom(template(name));
      expect(await enrollAndJudge({ endorsement })).toMatchObject({
        reason: null,
        facts: { endorsementTemplate: name },
      });
    });

    it('with an RSA attestation key', async () => {
      expect(await enrollAndJudge({ attestationKey: ATTESTATION_KEY_RSA })).toMatchObject({ reason: null });
    });

    it('with an identity key of scheme NULL', async () => {
      const { evidence, expected } = await closed(
        enroll(machine.tpm, { identityKey: { ...IDENTITY_KEY, scheme: null } }),
      );
      expect(await judge(evidence, expected, factory.trust)).toMatchObject({ reason: null });
    });

    it('and its identity key signs after a restart, and for nobody else', async () => {
      const identity = await TpmIdentity.create(machine.tpm);
      const stored = identity.wrapped;
      await identity.close();
      await machine.restart();
      const restored = await TpmIdentity.restore(machine.tpm, JSON.parse(JSON.stringify(stored)));
      const message = random(100);
      const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
      const key = await crypto.subtle.importKey('spki', identity.spki, algorithm, false, ['verify']);
      expect(await crypto.subtle.verify(algorithm, key, await restored.sign(message), message)).toBe(true);
      await restored.close();
      const other = await startSwtpm();
      await expect(TpmIdentity.restore(other.tpm, stored)).rejects.toThrow('TPM2_Load failed');
      await other.stop();
    });
  });

  describe('refuses a key', () => {
    const without = (area: PublicArea, ...names: (keyof typeof ATTRIBUTE)[]): PublicArea => ({
      ...area,
      attributes: names.reduce((rest, name) => rest & ~ATTRIBUTE[name], area.attributes),
    });
    const exportable = ['fixedTPM', 'fixedParent'] as const;
    const p384: PublicArea = { ...IDENTITY_KEY, key: { ...(IDENTITY_KEY.key as EccKey), curve: 'P-384' } };

    it.each<[string, Wishes, string]>([
      ['identity key that may leave the TPM', { identityKey: without(IDENTITY_KEY, ...exportable) }, 'key-exportable'],
      ['identity key that is restricted', { identityKey: ATTESTATION_KEY }, 'attributes'],
      ['identity key on another curve', { identityKey: p384 }, 'signature-algorithm'],
    ])('%s', async (_, wishes, reason) => {
      expect(await enrollAndJudge(wishes)).toMatchObject({ reason });
    });

    it('attestation key that signs anything, already before it is challenged, and in the evidence', async () => {
      const attestationKey = without(ATTESTATION_KEY, 'restricted');
      await expect(enroll(machine.tpm, { attestationKey })).rejects.toThrow('no activation challenge: attributes');
      await flushAll();
      const area = {
        ...readPublic(fromBase64url(good.evidence.attestationKey)!)!,
        attributes: attestationKey.attributes,
      };
      const evidence = { ...good.evidence, attestationKey: base64url(encodePublic(area)) };
      expect(await judge(evidence, good.expected, factory.trust)).toMatchObject({ reason: 'attributes' });
    });

    it('attestation key that may leave the TPM, before it is challenged', async () => {
      const attestationKey = without(ATTESTATION_KEY, ...exportable);
      await expect(enroll(machine.tpm, { attestationKey })).rejects.toThrow('no activation challenge: key-exportable');
      await flushAll();
    });

    it('other than the one that asks for a certificate', async () => {
      const expected = { ...good.expected, identityKey: (await closed(enroll(machine.tpm))).identity.spki };
      expect(await judge(good.evidence, expected, factory.trust)).toMatchObject({ reason: 'key-mismatch' });
    });

    it('that the statement is not about', async () => {
      const other = await closed(enroll(machine.tpm));
      const evidence = { ...good.evidence, identityKey: other.evidence.identityKey };
      const expected = { ...good.expected, identityKey: other.identity.spki };
      expect(await judge(evidence, expected, factory.trust)).toMatchObject({
        reason: 'key-mismatch',
        checks: expect.arrayContaining([expect.objectContaining({ id: 'tpm2.certify-name', outcome: 'fail' })]),
      });
    });
  });

  /** Slots of an enrollment that ended early. */
  async function flushAll(): Promise<void> {
    for (let handle = 0x80000000; handle < 0x80000003; handle++) await machine.tpm.flush(handle).catch(() => undefined);
  }

  describe('refuses a transcript', () => {
    it.each<[string, Wishes['signs']]>([
      ['account', { accountId: new Uint8Array(32) }],
      ['key', { identityKey: new Uint8Array(91) }],
      ['origin', { origin: 'https://other.example' }],
      ['format', { format: 'webauthn' }],
      ['purpose', { purpose: 'renew' }],
      ['device', { deviceId: new Uint8Array(16) }],
      ['challenge', { nonce: new Uint8Array(32) }],
    ])('of another %s', async (_, signs) => {
      expect(await enrollAndJudge({ signs: signs! })).toMatchObject({ reason: 'challenge-mismatch' });
    });
  });

  describe('refuses an endorsement key', () => {
    const judgeWith = (change: Partial<Tpm2Json>, expected = good.expected) =>
      judge({ ...good.evidence, ...change }, expected, factory.trust);

    it('of no TCG template, before it is challenged and in the evidence', async () => {
      const area: PublicArea = { ...template('L-2').area, symmetric: 256 };
      const endorsement = await endorsementFrom({ name: 'L-none', certificateIndex: 0, area });
      await expect(enroll(machine.tpm, { endorsement })).rejects.toThrow('no activation challenge: attributes');
      await flushAll();
      const endorsementKey = base64url(await endorsementKeyOf(machine, endorsement.template));
      const endorsementCertificates = endorsement.certificates.map(base64url);
      expect(await judgeWith({ endorsementKey, endorsementCertificates })).toMatchObject({ reason: 'attributes' });
    });

    it('whose certificate is of another key', async () => {
      const other = await endorsementFrom(template('H-2'));
      const endorsementCertificates = other.certificates.map(base64url);
      expect(await judgeWith({ endorsementCertificates })).toMatchObject({ reason: 'key-mismatch' });
    });

    it('with the weakness of CVE-2017-15361, although its certificate is in order', async () => {
      const area: PublicArea = {
        ...template('L-1').area,
        key: { type: 'rsa', bits: 2048, exponent: 65537, modulus: rocaModulus(random(256)) },
      };
      const endorsementCertificates = (await factory.certify(spkiOf(area.key), true)).map(base64url);
      const endorsementKey = base64url(encodePublic(area));
      expect(await judgeWith({ endorsementKey, endorsementCertificates })).toMatchObject({ reason: 'weak-key' });
    });

    it('under a root of virtual TPMs where policy wants hardware, and grades it where policy does not', async () => {
      const anchors = [{ ...factory.anchor, class: 'virtual-tpm' as const }];
      const trust = { ...factory.trust, anchors };
      expect(await judge(good.evidence, good.expected, trust)).toMatchObject({ reason: 'assurance' });
      expect(await judge(good.evidence, good.expected, trust, policies.development)).toMatchObject({
        reason: null,
        assurance: { attestedKeyHardware: 'virtual-tpm' },
      });
    });

    it('under a root that nobody trusts', async () => {
      const { trust } = await makeFactory();
      const anchors = [{ ...trust.anchors[0]!, id: 'OTHER' }];
      const result = await judge(good.evidence, good.expected, { ...trust, anchors });
      expect(result).toMatchObject({ reason: 'untrusted-root' });
    });

    it('of a maker that policy denies', async () => {
      const tpm = { ...policies.standard.tpm, vendorsDeny: ['id:49465800'] };
      const policy = { ...policies.standard, tpm };
      expect(await judge(good.evidence, good.expected, factory.trust, policy)).toMatchObject({
        reason: 'vendor-refused',
      });
    });
  });

  describe('refuses an activation', () => {
    it('that was never made', async () => {
      const { activation: _, ...expected } = good.expected;
      expect(await judge(good.evidence, expected, factory.trust)).toMatchObject({ reason: 'challenge-mismatch' });
    });

    it('with a secret that the TPM did not release', async () => {
      const evidence = { ...good.evidence, secret: base64url(random(32)) };
      expect(await judge(evidence, good.expected, factory.trust)).toMatchObject({
        reason: 'challenge-mismatch',
        checks: expect.arrayContaining([expect.objectContaining({ id: 'tpm2.activation-secret', outcome: 'fail' })]),
      });
    });

    it('made for another attestation key: the TPM keeps the secret, and the verifier knows the key', async () => {
      const first = await TpmIdentity.create(machine.tpm);
      const request = (await first.activationRequest())!;
      await first.close();
      const second = await TpmIdentity.create(machine.tpm);
      const swapped = (await second.activationRequest())!;
      const { credential, state } = await challenge(request, random(32));
      await expect(second.activate(credential)).rejects.toThrow('TPM2_ActivateCredential failed');
      await second.close();
      const evidence = { ...good.evidence, attestationKey: swapped.attestationKey };
      const expected = { ...good.expected, activation: state };
      expect(await judge(evidence, expected, factory.trust)).toMatchObject({
        reason: 'key-mismatch',
        checks: expect.arrayContaining([expect.objectContaining({ id: 'tpm2.activation-name', outcome: 'fail' })]),
      });
    });

    it('made for another endorsement key', async () => {
      const endorsement = await endorsementFrom(template('H-2'));
      const other = await closed(enroll(machine.tpm, { endorsement }));
      const expected = { ...good.expected, activation: other.state };
      expect(await judge(good.evidence, expected, factory.trust)).toMatchObject({
        reason: 'key-mismatch',
        checks: expect.arrayContaining([
          expect.objectContaining({ id: 'tpm2.activation-endorsement-key', outcome: 'fail' }),
        ]),
      });
    });

    it('of another enrollment of the same keys: the proof is bound to the nonce', async () => {
      const activation = { ...good.state, nonce: base64url(random(32)) };
      expect(await judge(good.evidence, { ...good.expected, activation }, factory.trust)).toMatchObject({
        reason: 'challenge-mismatch',
      });
    });

    it('asked for with bytes that are no keys', async () => {
      const [endorsement, attestation] = [good.evidence.endorsementKey, good.evidence.attestationKey].map((text) =>
        fromBase64url(text)!,
      );
      for (const [first, second] of [
        [random(40), attestation!],
        [endorsement!, random(40)],
      ] as const) {
        const answer = await challengeActivation(first, second, random(32), random(ACTIVATION_RANDOMNESS));
        expect(answer).toEqual({ ok: false, reason: 'malformed' });
      }
    });

    it('asked for with too little randomness is a mistake of the caller', async () => {
      const few = random(ACTIVATION_RANDOMNESS - 1);
      await expect(challengeActivation(random(1), random(1), random(32), few)).rejects.toThrow(RangeError);
    });

    it('asked for with an endorsement key that is no point of its curve', async () => {
      const area = readPublic(fromBase64url(good.evidence.endorsementKey)!)!;
      const key = { ...(area.key as EccKey), x: new Uint8Array(32).fill(1) };
      const endorsement = encodePublic({ ...area, key });
      const attestation = fromBase64url(good.evidence.attestationKey)!;
      const answer = await challengeActivation(endorsement, attestation, random(32), random(ACTIVATION_RANDOMNESS));
      expect(answer).toEqual({ ok: false, reason: 'malformed' });
    });
  });

  describe('refuses a structure', () => {
    const FIELDS = ['endorsementKey', 'attestationKey', 'identityKey'] as const;
    const STATEMENTS = ['certify', 'quote'] as const;
    const PARTS = ['statement', 'signature'] as const;
    const longer = (text: string): string => base64url(concat(fromBase64url(text)!, new Uint8Array(1)));

    it.each(FIELDS)('with a byte too many: %s', async (field) => {
      const evidence = { ...good.evidence, [field]: longer(good.evidence[field]) };
      expect(await judge(evidence, good.expected, factory.trust)).toMatchObject({ reason: 'malformed' });
    });

    it.each(STATEMENTS.flatMap((name) => PARTS.map((part) => [name, part] as const)))(
      'with a byte too many: %s.%s',
      async (name, part) => {
        const attested = good.evidence[name]!;
        const evidence = { ...good.evidence, [name]: { ...attested, [part]: longer(attested[part]) } };
        expect(await judge(evidence, good.expected, factory.trust)).toMatchObject({ reason: 'malformed' });
      },
    );

    it('that another kind of statement is', async () => {
      const { statement, signature } = good.evidence.quote!;
      const evidence = { ...good.evidence, certify: { statement, signature } };
      expect(await judge(evidence, good.expected, factory.trust)).toMatchObject({ reason: 'malformed' });
    });

    it('that a key which is not the activated one signed', async () => {
      const other = await closed(enroll(machine.tpm));
      const evidence = { ...good.evidence, certify: other.evidence.certify };
      expect(await judge(evidence, good.expected, factory.trust)).toMatchObject({ reason: 'signature-invalid' });
    });

    it.each<[string, (statement: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>, string | null, string]>([
      ['nothing in it', (statement) => statement, null, 'tpm2.certify-name'],
      ['another magic', (statement) => statement.with(0, 0), 'malformed', 'tpm2.certify-magic'],
      [
        'a Name by another hash',
        (statement) => statement.with(statement.length - 69, 0x0c),
        'key-mismatch',
        'tpm2.certify-name',
      ],
    ])('when an attestation key that lies about being in a TPM signed %s changed', async (_, change, reason, id) => {
      const key = await ca.makeKey();
      const point = key.spki.slice(-64);
      const ecc: EccKey = { type: 'ecc', curve: 'P-256', kdf: null, x: point.slice(0, 32), y: point.slice(32) };
      const attestation = readPublic(encodePublic({ ...ATTESTATION_KEY, key: ecc }))!;
      const endorsement = readPublic(fromBase64url(good.evidence.endorsementKey)!)!;
      const activation = stateFor(good.fields.nonce, endorsement, attestation, good.secret);
      const statement = change(fromBase64url(good.evidence.certify.statement)!);
      const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
      const raw = new Uint8Array(await crypto.subtle.sign(algorithm, key.privateKey, statement));
      const signature = concat(u16(0x18), u16(0x0b), tpm2b(raw.slice(0, 32)), tpm2b(raw.slice(32)));
      const { quote: _quote, ...rest } = good.evidence;
      const certify = { statement: base64url(statement), signature: base64url(signature) };
      const evidence = { ...rest, certify, attestationKey: base64url(attestation.encoded) };
      const verdict = await judge(evidence, { ...good.expected, activation }, factory.trust);
      expect(verdict.reason).toBe(reason);
      expect(verdict.checks).toContainEqual(
        expect.objectContaining({ id, outcome: reason === null ? 'pass' : 'fail' }),
      );
    });

    it('with a bit of any byte of the statement changed', async () => {
      const statement = fromBase64url(good.evidence.certify.statement)!;
      for (let at = 0; at < statement.length; at++) {
        const changed = statement.map((byte, i) => (i === at ? byte ^ 1 : byte));
        const evidence = { ...good.evidence, certify: { ...good.evidence.certify, statement: base64url(changed) } };
        const { reason } = await judge(evidence, good.expected, factory.trust);
        expect(['malformed', 'signature-invalid']).toContain(reason);
      }
    });

    it('with fields missing, of another type or too long', async () => {
      const { certify: _, ...missing } = good.evidence;
      const spoilt = [
        missing,
        { ...good.evidence, secret: 7 },
        { ...good.evidence, secret: base64url(random(65)) },
        { ...good.evidence, endorsementCertificates: [] },
        { ...good.evidence, identityKey: `${good.evidence.identityKey}=` },
        { ...good.evidence, quote: { ...good.evidence.quote, pcrs: { sha256: { 24: '00' } } } },
      ];
      for (const evidence of spoilt) {
        expect(await judge(evidence, good.expected, factory.trust)).toMatchObject({ reason: 'malformed' });
      }
    });
  });

  describe('with platform registers', () => {
    const wanting = (pcrs: Policy['tpm']['pcrs']): Policy => ({
      ...policies.standard,
      tpm: { ...policies.standard.tpm, pcrs },
    });
    const zero = '00'.repeat(32);

    it('is accepted when they are what policy expects', async () => {
      const policy = wanting({ sha256: { '0': zero, '7': zero } });
      expect(await judge(good.evidence, good.expected, factory.trust, policy)).toMatchObject({ reason: null });
    });

    it.each<[string, Policy['tpm']['pcrs']]>([
      ['a register has another value', { sha256: { '0': zero, '7': 'ff'.repeat(32) } }],
      ['a register is not quoted', { sha256: { '1': zero } }],
      ['a bank is not quoted', { sha384: { '0': '00'.repeat(48) } }],
    ])('is refused when %s', async (_, pcrs) => {
      const result = await judge(good.evidence, good.expected, factory.trust, wanting(pcrs));
      expect(result).toMatchObject({ reason: 'boot-state' });
    });

    it('is refused when policy asks for a quote and there is none', async () => {
      const { quote: _, ...evidence } = good.evidence;
      const result = await judge(evidence, good.expected, factory.trust, wanting({ sha256: { '0': zero } }));
      expect(result).toMatchObject({ reason: 'boot-state' });
    });

    it.each<[string, Record<string, string>, string]>([
      ['the values do not hash to the quoted digest', { '0': zero, '7': 'ff'.repeat(32), '10': zero }, 'key-mismatch'],
      ['a quoted register is not listed', { '0': zero, '7': zero }, 'malformed'],
      ['a register is listed that was not quoted', { '0': zero, '7': zero, '10': zero, '11': zero }, 'malformed'],
    ])('is refused when %s, whatever policy says', async (_, sha256, reason) => {
      const evidence = { ...good.evidence, quote: { ...good.evidence.quote, pcrs: { sha256 } } };
      expect(await judge(evidence, good.expected, factory.trust)).toMatchObject({ reason });
    });
  });
});
