import { describe, expect, it } from 'vitest';
import { p256 } from '@noble/curves/nist.js';
import { ATTRIBUTE, attributes } from './attributes.ts';
import { attestationKeyProblem, credentialKeyProblem, identityKeyProblem } from './keys.ts';
import type { EccKey, PublicArea, RsaKey } from './public.ts';

const point = p256.getPublicKey(p256.utils.randomSecretKey(), false);
const key: EccKey = { type: 'ecc', curve: 'P-256', kdf: null, x: point.slice(1, 33), y: point.slice(33) };
const BOUND = attributes('fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'userWithAuth');
const ES256 = { name: 'ecdsa', hash: 'sha256' } as const;

const identity: PublicArea = {
  nameAlg: 'sha256',
  attributes: BOUND | ATTRIBUTE.sign,
  authPolicy: new Uint8Array(0),
  symmetric: null,
  scheme: ES256,
  key,
};
const attestation: PublicArea = { ...identity, attributes: identity.attributes | ATTRIBUTE.restricted };
const credential: PublicArea = { ...identity, scheme: null };
const modulus = new Uint8Array(256).fill(0xc5);
const rsa: RsaKey = { type: 'rsa', bits: 2048, exponent: 65537, modulus };

const flip = (area: PublicArea, ...names: (keyof typeof ATTRIBUTE)[]): PublicArea => ({
  ...area,
  attributes: area.attributes ^ attributes(...names),
});

type Case = readonly [what: string, change: PublicArea, rule: string, reason: string];
const bound = (area: PublicArea): Case[] => [
  ['may leave the TPM', flip(area, 'fixedTPM'), 'bound', 'key-exportable'],
  ['may leave its parent', flip(area, 'fixedParent'), 'bound', 'key-exportable'],
  ['was brought from outside', flip(area, 'sensitiveDataOrigin'), 'bound', 'key-exportable'],
  ['has an odd exponent', { ...area, key: { ...rsa, exponent: 3 } }, 'weak', 'weak-key'],
];

describe('an attestation key', () => {
  it('of ECDSA or RSASSA or RSAPSS is in order', () => {
    expect(attestationKeyProblem(attestation)).toBeNull();
    for (const name of ['rsassa', 'rsapss'] as const) {
      expect(attestationKeyProblem({ ...attestation, key: rsa, scheme: { name, hash: 'sha256' } })).toBeNull();
    }
  });

  it.each<Case>([
    ...bound(attestation),
    ['signs anything', flip(attestation, 'restricted'), 'restricted', 'attributes'],
    ['does not sign', flip(attestation, 'sign'), 'restricted', 'attributes'],
    ['decrypts', flip(attestation, 'decrypt'), 'decrypt', 'attributes'],
    ['wraps other keys', { ...attestation, symmetric: 128 }, 'symmetric', 'attributes'],
    ['signs with SHA-1', { ...attestation, scheme: { name: 'ecdsa', hash: 'sha1' } }, 'hash', 'signature-algorithm'],
    ['is named by SHA-1', { ...attestation, nameAlg: 'sha1' }, 'hash', 'signature-algorithm'],
    ['has no scheme', { ...attestation, scheme: null }, 'scheme', 'signature-algorithm'],
    [
      'agrees on secrets',
      { ...attestation, scheme: { name: 'ecdh', hash: 'sha256' } },
      'scheme',
      'signature-algorithm',
    ],
  ])('that %s is refused', (_, area, rule, reason) => {
    expect(attestationKeyProblem(area)).toMatchObject({ rule, reason });
  });
});

describe('an identity key', () => {
  it('of ES256 or of scheme NULL on P-256 is in order', () => {
    expect(identityKeyProblem(identity)).toBeNull();
    expect(identityKeyProblem({ ...identity, scheme: null })).toBeNull();
  });

  it.each<Case>([
    ...bound(identity),
    ['does not sign', flip(identity, 'sign'), 'sign', 'attributes'],
    ['signs only what the TPM states', flip(identity, 'restricted'), 'restricted', 'attributes'],
    ['decrypts', flip(identity, 'decrypt'), 'decrypt', 'attributes'],
    ['is an RSA key', { ...identity, key: rsa }, 'curve', 'signature-algorithm'],
    ['is on another curve', { ...identity, key: { ...key, curve: 'P-384' } }, 'curve', 'signature-algorithm'],
    ['signs with SHA-384', { ...identity, scheme: { name: 'ecdsa', hash: 'sha384' } }, 'scheme', 'signature-algorithm'],
    ['is named by SHA-1', { ...identity, nameAlg: 'sha1' }, 'hash', 'signature-algorithm'],
  ])('that %s is refused', (_, area, rule, reason) => {
    expect(identityKeyProblem(area)).toMatchObject({ rule, reason });
  });
});

describe('a credential key', () => {
  it('of scheme NULL, and able to decrypt as Windows makes them, is in order', () => {
    expect(credentialKeyProblem(credential)).toBeNull();
    expect(credentialKeyProblem(flip({ ...credential, key: rsa }, 'decrypt'))).toBeNull();
  });

  it.each<Case>([
    ...bound(credential),
    ['does not sign', flip(credential, 'sign'), 'sign', 'attributes'],
    ['signs only what the TPM states', flip(credential, 'restricted'), 'restricted', 'attributes'],
    ['wraps other keys', { ...credential, symmetric: 128 }, 'symmetric', 'attributes'],
    ['agrees on secrets', { ...credential, scheme: { name: 'ecdh', hash: 'sha256' } }, 'scheme', 'signature-algorithm'],
  ])('that %s is refused', (_, area, rule, reason) => {
    expect(credentialKeyProblem(area)).toMatchObject({ rule, reason });
  });
});
