import { describe, expect, it } from 'vitest';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { policies } from '../policy/shipped.ts';
import { builtInTrust } from '../trust/load.ts';
import type { TrustStore } from '../trust/store.ts';
import { verifyEvidence } from '../verify.ts';
import { verifyAssertion } from '../webauthn/assertion.ts';
import { assertInDevelopment, attestInDevelopment, developmentAnchor, makeDevelopmentRoot } from './attester.ts';

const now = Date.UTC(2026, 5, 1);
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
const root = await makeDevelopmentRoot(now, random(16));
const trust: TrustStore = builtInTrust({}, [developmentAnchor(root.certificate)!]);
const ceremony = { challenge: random(32), rpId: 'localhost', origin: 'http://localhost:8787' };
const expected = {
  transcript: ceremony.challenge,
  identityKey: new Uint8Array(),
  now,
  rpId: ceremony.rpId,
  origins: [ceremony.origin],
};
const { evidence, credential } = await attestInDevelopment(root, ceremony, now, random(48));

describe('development attestation', () => {
  it('is accepted by the development policy, as a software key', async () => {
    const verdict = await verifyEvidence(evidence, expected, trust, policies.development);
    expect(verdict).toMatchObject({
      decision: 'accept',
      format: 'development',
      assurance: { attestedKeyHardware: 'software', identityKeyHardware: 'unproven', trustAnchor: 'development' },
      identityBinding: 'vouched',
    });
    const spki = new Uint8Array(await crypto.subtle.exportKey('spki', credential.keys.publicKey));
    expect(verdict.attestedKey).toBe(base64url(spki));
  });

  it.each(['consumer', 'standard', 'strict'] as const)('is refused by %s', async (name) => {
    const verdict = await verifyEvidence(evidence, expected, trust, policies[name]);
    expect(verdict).toMatchObject({ decision: 'refuse', reason: 'format-refused' });
  });

  it('is refused by class of anchor too, where a policy names the format alone', async () => {
    const { standard } = policies;
    const careless = { ...standard, formats: [...standard.formats, 'development' as const] };
    expect(await verifyEvidence(evidence, expected, trust, careless)).toMatchObject({ reason: 'untrusted-root' });
  });

  it('is refused under another deployment’s root', async () => {
    const other = await makeDevelopmentRoot(now, random(16));
    const store = builtInTrust({}, [developmentAnchor(other.certificate)!]);
    const verdict = await verifyEvidence(evidence, expected, store, policies.development);
    expect(verdict).toMatchObject({ decision: 'refuse', reason: 'untrusted-root' });
  });

  it('renews with an assertion of the same key, once per counter value', async () => {
    const challenge = random(32);
    const sent = await assertInDevelopment(credential, { ...ceremony, challenge }, 1);
    const bytes = (text: string) => fromBase64url(text)!;
    const assertion = {
      credentialId: bytes(sent.credentialId),
      clientDataJson: bytes(sent.clientDataJSON),
      authenticatorData: bytes(sent.authenticatorData),
      signature: bytes(sent.signature),
    };
    const known = {
      credentialId: credential.id,
      attestedKey: new Uint8Array(await crypto.subtle.exportKey('spki', credential.keys.publicKey)),
      algorithm: -7,
      signCount: 0,
      backupEligible: false,
    };
    const asked = { challenge, rpId: ceremony.rpId, origins: [ceremony.origin] };
    const judge = (change: object, ask = asked) =>
      verifyAssertion({ ...assertion }, { ...known, ...change }, ask, policies.standard);
    expect(await judge({})).toMatchObject({ ok: true, signCount: 1 });
    expect(await judge({ signCount: 1 })).toMatchObject({ ok: false, reason: 'counter' });
    expect(await judge({ backupEligible: true })).toMatchObject({ ok: false, reason: 'syncable' });
    expect(await judge({ credentialId: random(32) })).toMatchObject({ ok: false, reason: 'key-mismatch' });
    expect(await judge({}, { ...asked, challenge: random(32) })).toMatchObject({ reason: 'challenge-mismatch' });
    const stranger = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const attestedKey = new Uint8Array(await crypto.subtle.exportKey('spki', stranger.publicKey));
    expect(await judge({ attestedKey })).toMatchObject({ ok: false, reason: 'signature-invalid' });
  });
});
