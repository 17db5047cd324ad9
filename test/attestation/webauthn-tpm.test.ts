import 'reflect-metadata';
import { SettingsService, verifyRegistrationResponse } from '@simplewebauthn/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policies } from '../../src/attestation/policy/shipped.ts';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { ATTRIBUTE } from '../../src/attestation/tpm/attributes.ts';
import type { PublicArea } from '../../src/attestation/tpm/public.ts';
import { readSignature } from '../../src/attestation/tpm/signature.ts';
import type { TrustStore } from '../../src/attestation/trust/store.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import type { Cbor } from '../../src/bytes/cbor.ts';
import { concat } from '../../src/bytes/join.ts';
import { ATTESTATION_KEY, ATTESTATION_KEY_RSA, STORAGE_ROOT } from '../../src/sdk/tpm/templates.ts';
import type { SoftwareTpm } from '../support/swtpm.ts';
import { startSwtpm, swtpmInstalled } from '../support/swtpm.ts';
import * as ca from './support/ca.ts';
import * as der from './support/der.ts';
import type { Aik, Ceremony, Parts, PrivacyCa } from './support/tpm-authenticator.ts';
import * as authenticator from './support/tpm-authenticator.ts';

const AAGUID_EXTENSION = '1.3.6.1.4.1.45724.1.1.4';
const { ES256_KEY, RS256_KEY } = authenticator;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

describe.skipIf(!swtpmInstalled)('a WebAuthn registration with a TPM', () => {
  let machine: SoftwareTpm;
  let authority: PrivacyCa;
  let aik: Aik;
  let good: Parts;
  const ceremony: Ceremony = {
    challenge: crypto.getRandomValues(new Uint8Array(32)),
    origin: 'https://calls.example',
    rpId: 'calls.example',
  };

  beforeAll(async () => {
    machine = await startSwtpm();
    authority = await authenticator.makePrivacyCa();
    aik = await authenticator.makeAik(machine.tpm, authority);
    good = await authenticator.create(machine.tpm, aik, ceremony);
  });
  afterAll(() => machine.stop());

  function judge(parts: Parts, trust: TrustStore = authority.trust, policy: Policy = policies.standard) {
    const { challenge: transcript, origin, rpId } = ceremony;
    const expected = { transcript, identityKey: new Uint8Array(), now: ca.TEST_NOW, rpId, origins: [origin] };
    return verifyEvidence(authenticator.webauthnEvidence(parts), expected, trust, policy);
  }

  function changed(...entries: readonly (readonly [string, Cbor])[]): Parts {
    return { ...good, fields: new Map([...good.fields, ...entries]) };
  }

  const flipped = (bytes: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> =>
    bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

  const longer = (name: string): Parts =>
    changed([name, concat(good.fields.get(name) as Uint8Array, new Uint8Array(1))]);

  describe('is accepted', () => {
    it('with an ECC attestation key, and graded by the maker', async () => {
      const verdict = await judge(good);
      expect(verdict.reason).toBeUndefined();
      expect(verdict).toMatchObject({
        decision: 'accept',
        format: 'tpm',
        identityBinding: 'vouched',
        assurance: {
          attestedKeyHardware: 'discrete-tpm',
          identityKeyHardware: 'unproven',
          trustAnchor: 'TEST-AIK-ROOT',
        },
      });
    });

    it('with an RSA attestation key and an RSA credential key that Windows lets decrypt', async () => {
      const rsa = await authenticator.makeAik(machine.tpm, authority, ATTESTATION_KEY_RSA);
      const verdict = await judge(await authenticator.create(machine.tpm, rsa, ceremony, RS256_KEY));
      expect(verdict).toMatchObject({ decision: 'accept', facts: { credentialAlgorithm: -257 } });
    });

    it('with an attestation certificate that carries the AAGUID', async () => {
      const octets = der.octets(Uint8Array.from(Buffer.from(authenticator.HELLO.replaceAll('-', ''), 'hex')));
      const carrying = await authenticator.makeAik(machine.tpm, authority, ATTESTATION_KEY, {}, [
        ca.extension(AAGUID_EXTENSION, false, octets),
      ]);
      const verdict = await judge(await authenticator.create(machine.tpm, carrying, ceremony));
      expect(verdict).toMatchObject({ decision: 'accept' });
      expect(verdict.checks).toContainEqual(expect.objectContaining({ id: 'tpm.aaguid', outcome: 'pass' }));
    });

    it('by another verifier as well, which refuses another challenge as we do', async () => {
      const [root] = authority.trust.anchors;
      const certificates = [`-----BEGIN CERTIFICATE-----\n${base64(root!.certificate.der)}\n-----END CERTIFICATE-----`];
      SettingsService.setRootCertificates({ identifier: 'tpm', certificates });
      const { attestationObject, clientDataJSON } = authenticator.webauthnEvidence(good);
      const id = base64url(good.authData.slice(55, 87));
      const verify = (challenge: Uint8Array) =>
        verifyRegistrationResponse({
          response: {
            id,
            rawId: id,
            type: 'public-key',
            clientExtensionResults: {},
            response: { attestationObject, clientDataJSON },
          },
          expectedChallenge: base64url(challenge),
          expectedOrigin: ceremony.origin,
          expectedRPID: ceremony.rpId,
        });
      expect(await verify(ceremony.challenge)).toMatchObject({ verified: true, registrationInfo: { fmt: 'tpm' } });
      await expect(verify(new Uint8Array(32))).rejects.toThrow('challenge');
    });

    it('with SHA-1 only below the authority that is known for it, and graded lower', async () => {
      const [microsoft] = authority.trust.anchors;
      const trust = { ...authority.trust, anchors: [{ ...microsoft!, id: 'microsoft-tpm-root-ca-2014' }] };
      const old = await authenticator.makeAik(machine.tpm, authority, authenticator.AIK_SHA1);
      const parts = await authenticator.create(machine.tpm, old, ceremony);
      expect(await judge(parts, trust)).toMatchObject({
        decision: 'accept',
        assurance: { attestedKeyHardware: 'tpm' },
      });
      const { hardware } = policies.strict;
      expect(await judge(parts, trust, { ...policies.standard, hardware })).toMatchObject({ reason: 'assurance' });
      expect(await judge(parts)).toMatchObject({ decision: 'refuse', reason: 'signature-algorithm' });
    });
  });

  describe('is refused', () => {
    it('when the credential key may leave the TPM', async () => {
      const attributes = ES256_KEY.attributes & ~ATTRIBUTE.fixedTPM & ~ATTRIBUTE.fixedParent;
      const exportable: PublicArea = { ...ES256_KEY, attributes };
      const parts = await authenticator.create(machine.tpm, aik, ceremony, exportable);
      expect(await judge(parts)).toMatchObject({ reason: 'key-exportable' });
    });

    it('when the credential key signs only what the TPM states', async () => {
      const parts = await authenticator.create(machine.tpm, aik, ceremony, ATTESTATION_KEY);
      expect(await judge(parts)).toMatchObject({ reason: 'attributes' });
    });

    it('for another challenge, origin or relying party', async () => {
      const make = (change: Partial<Ceremony>) => authenticator.create(machine.tpm, aik, { ...ceremony, ...change });
      expect(await judge(await make({ challenge: new Uint8Array(32) }))).toMatchObject({
        reason: 'challenge-mismatch',
      });
      expect(await judge(await make({ origin: 'https://evil.example' }))).toMatchObject({
        reason: 'origin-not-allowed',
      });
      expect(await judge(await make({ rpId: 'evil.example' }))).toMatchObject({ decision: 'refuse' });
    });

    it('when the statement is of another registration, or about another key', async () => {
      const other = await authenticator.create(machine.tpm, aik, ceremony);
      const statement = ['certInfo', 'sig'].map((name) => [name, other.fields.get(name)!] as const);
      expect(await judge(changed(...statement))).toMatchObject({ reason: 'challenge-mismatch' });
      const verdict = await judge(changed(['pubArea', other.fields.get('pubArea')!]));
      expect(verdict).toMatchObject({ reason: 'key-mismatch' });
      expect(verdict.checks).toContainEqual(expect.objectContaining({ id: 'tpm.credential-key', outcome: 'fail' }));
    });

    it('when the attestation key stated something else than a certification', async () => {
      const signed = concat(good.authData, new Uint8Array(await crypto.subtle.digest('SHA-256', good.clientData)));
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', signed));
      const root = await machine.tpm.createPrimary('owner', STORAGE_ROOT);
      const key = await machine.tpm.load(root.handle, aik.wrapped);
      const quote = await machine.tpm.quote(key.handle, digest, [{ bank: 'sha256', indices: [0] }]);
      await machine.tpm.flush(key.handle);
      await machine.tpm.flush(root.handle);
      const sig = authenticator.bareSignature(readSignature(quote.signature)!);
      const verdict = await judge(changed(['certInfo', concat(quote.statement)], ['sig', sig]));
      expect(verdict).toMatchObject({ reason: 'malformed' });
      expect(verdict.checks).toContainEqual(expect.objectContaining({ id: 'tpm.type', outcome: 'fail' }));
    });

    it.each<[string, (certInfo: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>, string, string]>([
      ['nothing in it', (certInfo) => certInfo, 'accept', 'tpm.attributes'],
      ['another magic', (certInfo) => certInfo.with(0, 0), 'malformed', 'tpm.magic'],
      ['a byte too many', (certInfo) => concat(certInfo, new Uint8Array(1)), 'malformed', 'tpm.cert-info'],
      ['the Name of another key', (certInfo) => flipped(certInfo, certInfo.length - 40), 'key-mismatch', 'tpm.name'],
    ])('when the attestation key, no TPM any more, signed %s changed', async (_, change, reason, id) => {
      const key = await ca.makeKey();
      const certInfo = change(good.fields.get('certInfo') as Uint8Array<ArrayBuffer>);
      const sig = await ca.sign(key, certInfo);
      const verdict = await judge(
        changed(['x5c', await authority.certify(key.spki)], ['certInfo', certInfo], ['sig', sig]),
      );
      expect(verdict.reason ?? 'accept').toBe(reason);
      const outcome = reason === 'accept' ? 'pass' : 'fail';
      expect(verdict.checks).toContainEqual(expect.objectContaining({ id, outcome }));
    });

    it.each([
      ['certInfo', 'signature-invalid'],
      ['pubArea', 'malformed'],
    ])('with a byte too many in %s', async (name, reason) => {
      expect(await judge(longer(name))).toMatchObject({ reason });
    });

    it('with a field too many, a field too few or another version', async () => {
      const few = new Map(good.fields);
      few.delete('ver');
      const spoilt = [changed(['ecdaaKeyId', new Uint8Array(4)]), changed(['ver', '1.2']), { ...good, fields: few }];
      for (const parts of spoilt) expect(await judge(parts)).toMatchObject({ reason: 'malformed' });
    });

    it('with a signature of another algorithm than it says, or in the coding of the TPM', async () => {
      expect(await judge(changed(['alg', -257]))).toMatchObject({ reason: 'signature-algorithm' });
      expect(await judge(changed(['sig', new Uint8Array(70)]))).toMatchObject({ reason: 'signature-invalid' });
    });

    it.each<[string, Parameters<PrivacyCa['certify']>[1]]>([
      ['has a subject', { subject: der.commonName('TEST') }],
      ['is an authority', { extensions: [ca.basicConstraints(true), ca.extendedKeyUsage('2.23.133.8.3')] }],
      ['is for endorsement keys', { extensions: [ca.basicConstraints(false), ca.extendedKeyUsage('2.23.133.8.1')] }],
    ])('when the attestation certificate %s', async (_, leaf) => {
      const spoilt = await authenticator.makeAik(machine.tpm, authority, ATTESTATION_KEY, leaf);
      const parts = await authenticator.create(machine.tpm, spoilt, ceremony);
      expect(await judge(parts)).toMatchObject({ reason: 'chain-invalid' });
    });

    it('under a root that nobody trusts, and under a test root by that name', async () => {
      const { trust } = await authenticator.makePrivacyCa();
      expect(await judge(good, trust)).toMatchObject({ reason: 'untrusted-root' });
      const anchors = authority.trust.anchors.map((anchor) => ({ ...anchor, class: 'test' as const }));
      expect(await judge(good, { ...authority.trust, anchors })).toMatchObject({ reason: 'test-root' });
    });

    it('with an AAGUID that the root does not speak for, or the certificate contradicts', async () => {
      const stranger = '6d44ba9b-f6ec-2e49-b930-0c8fe920cb73';
      const parts = await authenticator.create(machine.tpm, aik, ceremony, ES256_KEY, stranger);
      expect(await judge(parts)).toMatchObject({ reason: 'aaguid-refused' });
      const contradicting = await authenticator.makeAik(machine.tpm, authority, ATTESTATION_KEY, {}, [
        ca.extension(AAGUID_EXTENSION, false, der.octets(new Uint8Array(16))),
      ]);
      expect(await judge(await authenticator.create(machine.tpm, contradicting, ceremony))).toMatchObject({
        reason: 'aaguid-refused',
      });
    });

    it('from a maker that policy denies', async () => {
      const tpm = { ...policies.standard.tpm, vendorsDeny: ['id:49465800'] };
      const policy = { ...policies.standard, tpm };
      expect(await judge(good, authority.trust, policy)).toMatchObject({ reason: 'vendor-refused' });
    });
  });
});
