import { beforeAll, describe, expect, it } from 'vitest';
import {
  ACCOUNT,
  DEVICE,
  keys,
  type Keys,
  NOW,
  random,
  URLS,
  verdict,
  world,
  type World,
} from '../../test/support/authority.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { writeAssurance } from '../identity/assurance.ts';
import { OID_ASSURANCE, OID_CALL_SIGNING } from '../protocol/identity.ts';
import { lint, LINTS } from './lint.ts';
import { keyIdentifier, serialFrom } from './names.ts';
import { PROFILES } from './profile.ts';
import { wrap } from './sign.ts';
import { certificateBody, type Template } from './x509.ts';

const DAY = 86_400_000;
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
let ca: World;
let device: Keys;
let stranger: Keys;
beforeAll(async () => {
  [ca, device, stranger] = [await world(NOW - DAY), await keys(), await keys()];
});

function template(): Template {
  const { format, policy, assurance, identityBinding } = verdict(device.spki);
  return {
    serial: serialFrom(random(16)),
    subject: DEVICE,
    issuer: ca.issuer.certificate.subject.der,
    notBefore: NOW - 300_000,
    notAfter: NOW + 7 * DAY,
    key: device.spki,
    keyId: keyIdentifier(device.spki),
    issuerKeyId: ca.issuer.certificate.subjectKeyId!,
    signatureAlgorithm: 'ES256',
    extendedKeyUsage: PROFILES.call.extendedKeyUsage,
    uri: `callsign:${ACCOUNT}/${DEVICE}`,
    crl: URLS.crl,
    issuers: URLS.issuers,
    own: {
      oid: OID_ASSURANCE,
      value: writeAssurance({ format, policy, ...assurance, binding: identityBinding, evidence: sha256(device.spki) }),
    },
  };
}

async function found(change: Partial<Template>): Promise<string[]> {
  const body = certificateBody({ ...template(), ...change });
  const intended = { proven: { key: device.spki }, account: ACCOUNT, device: DEVICE };
  const signed = wrap(body, 'ES256', new Uint8Array(64).fill(1));
  return lint(signed, PROFILES.call, ca.issuer, intended, NOW).map((finding) => finding.lint);
}

const OTHER = 'a'.repeat(26);
const breaks: Record<string, () => Partial<Template>> = {
  'identity-form': () => ({ own: { oid: OID_ASSURANCE, value: new Uint8Array([5, 0]) } }),
  serial: () => ({ serial: new Uint8Array([7]) }),
  'issuer-link': () => ({ issuerKeyId: random(20) }),
  'validity-length': () => ({ notAfter: NOW + 31 * DAY }),
  'validity-now': () => ({ notBefore: NOW + 60_000 }),
  'validity-nesting': () => ({ notBefore: NOW - 2 * DAY }),
  key: () => ({ key: stranger.spki, keyId: keyIdentifier(stranger.spki) }),
  'key-identifier': () => ({ keyId: random(20) }),
  names: () => ({ subject: OTHER, uri: `callsign:${ACCOUNT}/${OTHER}` }),
  'extended-key-usage': () => ({ extendedKeyUsage: [OID_CALL_SIGNING, CLIENT_AUTH] }),
  'crl-distribution-point': () => ({ crl: 'https://elsewhere.example/crl' }),
  'authority-info-access': () => ({ issuers: 'https://elsewhere.example/ca' }),
};

describe('lints', () => {
  it('find nothing in what the profile describes', async () => expect(await found({})).toEqual([]));

  it('are each shown to bite', () => expect(Object.keys(breaks)).toEqual(LINTS.map((one) => one.id)));

  it.each(Object.keys(breaks))('%s', async (id) => expect(await found(breaks[id]!())).toContain(id));

  it('refuse what cannot be read', () => {
    const intended = { proven: { key: device.spki }, account: ACCOUNT, device: DEVICE };
    expect(lint(new Uint8Array([48, 0]), PROFILES.call, ca.issuer, intended, NOW)).toMatchObject([
      { lint: 'readable' },
    ]);
  });

  it.each<[string, () => Partial<Template>]>([
    ['an extension more', () => ({ authority: { pathLength: 0 } })],
    ['a longer path', () => ({ uri: `callsign:${ACCOUNT}/${DEVICE}/x` })],
    ['another account form', () => ({ uri: `callsign:${'A'.repeat(52)}/${DEVICE}` })],
    ['another scheme', () => ({ uri: `https://${ACCOUNT}/${DEVICE}` })],
    ['no account in profile call', () => ({ uri: `callsign:/${DEVICE}` })],
    ['a CN that is not the device', () => ({ subject: `${DEVICE}x` })],
  ])('identity-form refuses %s', async (_what, change) => expect(await found(change())).toContain('identity-form'));
});
