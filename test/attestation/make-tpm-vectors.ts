/**
 * `npm exec -- node test/attestation/make-tpm-vectors.ts`: records enrollments of software TPMs in test/vectors/tpm.json, so
 * that what has no swtpm (workerd, Deno, fuzzing, benchmarks) has TPM evidence of every kind. Every key is a test key.
 */
import { writeFileSync } from 'node:fs';
import { readPublic } from '../../src/attestation/tpm/public.ts';
import { spkiOf } from '../../src/attestation/tpm/spki.ts';
import type { Anchor } from '../../src/attestation/trust/store.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { ATTESTATION_KEY_RSA } from '../../src/sdk/tpm/templates.ts';
import type { SoftwareTpm } from '../support/swtpm.ts';
import { startSwtpm } from '../support/swtpm.ts';
import { TEST_NOW } from './support/ca.ts';
import * as authenticator from './support/tpm-authenticator.ts';
import { enroll, random } from './support/tpm-enrollment.ts';
import type { Wishes } from './support/tpm-enrollment.ts';
import type { Factory } from './support/tpm-factory.ts';
import { endorsementKeyOf, makeFactory, template } from './support/tpm-factory.ts';

const machine = await startSwtpm();
const factory = await makeFactory();
const authority = await authenticator.makePrivacyCa();
const pcrs = { bank: 'sha256', indices: [0, 7] } as const;

const vectors = [
  await native('tpm2-ek-p256', 'L-2', {}),
  await native('tpm2-ek-rsa2048-ak-rsa', 'L-1', { attestationKey: ATTESTATION_KEY_RSA }),
  await native('tpm2-ek-p384-quote', 'H-3', { pcrs }),
  await hello('webauthn-tpm-es256', authenticator.ES256_KEY),
  await hello('webauthn-tpm-rs256', authenticator.RS256_KEY),
];
await machine.stop();
const policy = {
  meaning: 'accept holds under the policy `standard` with the anchors of this file',
  trusted: 'anchors',
};
const anchors = [factory.anchor, ...authority.trust.anchors].map(written);
const path = new URL('../vectors/tpm.json', import.meta.url);
writeFileSync(path, `${JSON.stringify({ family: 'tpm', policy, anchors, vectors }, null, 1)}\n`);

function written({ id, class: kind, formats, vendor, aaguids, certificate }: Anchor) {
  return {
    id,
    class: kind,
    formats,
    vendor,
    aaguids,
    source: 'made at run time',
    certificate: base64url(certificate.der),
  };
}

function vector(id: string, evidence: object, expected: object) {
  const expect = { verdict: 'accept', reason: 'made by a software TPM, certified by test roots', chainsTo: null };
  return { id, verifyAt: new Date(TEST_NOW).toISOString(), input: { evidence, expected }, expect };
}

async function native(id: string, name: string, wishes: Wishes) {
  const endorsement = { template: template(name), certificates: await certificates(machine, factory, name) };
  const { evidence, expected, state, identity } = await enroll(machine.tpm, { endorsement, ...wishes });
  await identity.close();
  const asked = {
    transcript: base64url(expected.transcript),
    identityKey: base64url(identity.spki),
    activation: state,
  };
  return vector(id, { format: 'tpm2', ...evidence }, asked);
}

async function certificates(tpm: SoftwareTpm, maker: Factory, name: string): Promise<readonly Uint8Array[]> {
  const { key } = readPublic(await endorsementKeyOf(tpm, template(name)))!;
  return maker.certify(spkiOf(key), key.type === 'rsa');
}

async function hello(id: string, key: Parameters<typeof authenticator.create>[3]) {
  const aik = await authenticator.makeAik(machine.tpm, authority);
  const ceremony = { challenge: random(32), origin: 'https://calls.example', rpId: 'calls.example' };
  const evidence = authenticator.webauthnEvidence(await authenticator.create(machine.tpm, aik, ceremony, key));
  const asked = { transcript: base64url(ceremony.challenge), rpId: ceremony.rpId, origins: [ceremony.origin] };
  return vector(id, evidence, asked);
}
