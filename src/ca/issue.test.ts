import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import {
  DEVICE,
  keys,
  type Keys,
  NOW,
  random,
  requestFor,
  URLS,
  verdict,
  world,
  type World,
} from '../../test/support/authority.ts';
import { readIdentity } from '../identity/certificate.ts';
import { createAuthority, isDevelopment, openIssuer } from './authority.ts';
import { issue, type IssuanceRequest, type LintedCertificate, prepare } from './issue.ts';
import { PROFILES } from './profile.ts';
import { jwkSigner, type Signer, SignerUnavailable, withTimeLimit } from './signer.ts';
import { serialFrom } from './names.ts';
import { signRevocationList } from './revocation.ts';

const DAY = 86_400_000;
let ca: World;
let device: Keys;
let request: IssuanceRequest;
beforeAll(async () => {
  [ca, device] = [await world(), await keys()];
  request = await requestFor(device);
});
const prepared = (part: Partial<IssuanceRequest> = {}, profile = PROFILES.call, now = NOW) =>
  prepare(profile, { ...request, ...part }, verdict(device.spki), ca.issuer, now, random(16));
function token(): LintedCertificate {
  const result = prepared();
  if (!result.ok) throw new Error(result.reason);
  return result.token;
}

describe('issuing', () => {
  it('gives a certificate that says what was asked, for seven days, back-dated five minutes', async () => {
    const linted = token();
    const identity = readIdentity(await issue(linted, ca.issuer.signer))!;
    expect(identity).toMatchObject({
      profile: 'call',
      account: request.account,
      device: DEVICE,
      assurance: { format: 'tpm2', binding: 'key-attested' },
    });
    expect(identity.certificate).toMatchObject({
      serial: linted.serial,
      notBefore: NOW - 300_000,
      notAfter: NOW + 7 * DAY,
    });
    expect(linted.serial).toMatch(/^[4-7][0-9a-f]{31}$/);
  });

  it('of profile device names no account', async () => {
    const result = prepared({ account: null }, PROFILES.device);
    const der = result.ok ? await issue(result.token, ca.issuer.signer) : new Uint8Array();
    expect(readIdentity(der)).toMatchObject({ profile: 'device', account: null, device: DEVICE });
    expect(new X509Certificate(der).subjectAltName).toBe(`URI:callsign:/${DEVICE}`);
  });

  it('never outlives its issuer', () => {
    const end = ca.issuer.certificate.notAfter;
    const result = prepared({}, PROFILES.call, end - 2 * 3_600_000);
    expect(result.ok && result.token.notAfter).toBe(end);
    expect(prepared({}, PROFILES.call, end - 3_599_000)).toEqual({ ok: false, reason: 'issuer-expired' });
  });

  it('by an authority that was made this moment begins with it', async () => {
    const fresh = await world(NOW + 1000);
    const result = prepare(PROFILES.call, request, verdict(device.spki), fresh.issuer, NOW, random(16));
    expect(result.ok && result.token.notBefore).toBe(fresh.issuer.certificate.notBefore);
  });

  it.each<[string, () => unknown]>([
    [
      'verdict-not-accepted',
      () => prepare(PROFILES.call, request, verdict(device.spki, { decision: 'hold' }), ca.issuer, NOW, random(16)),
    ],
    [
      'verdict-not-accepted',
      () => prepare(PROFILES.call, request, verdict(device.spki, { decision: 'refuse' }), ca.issuer, NOW, random(16)),
    ],
    [
      'key-mismatch',
      () => prepare(PROFILES.call, request, verdict(ca.issuer.signer.publicKey), ca.issuer, NOW, random(16)),
    ],
    ['account-missing', () => prepared({ account: null })],
    ['account-unexpected', () => prepared({}, PROFILES.device)],
    ['validity', () => prepared({ validity: 31 * DAY })],
    ['validity', () => prepared({ validity: 60_000 })],
    ['lint', () => prepared({ device: 'somebody' })],
    ['lint', () => prepared({ evidence: new Uint8Array(31) })],
  ])('refuses: %s', (reason, attempt) => expect(attempt()).toMatchObject({ ok: false, reason }));

  it('accepts another attested key when the identity key is only vouched for', () => {
    const vouched = verdict(ca.issuer.signer.publicKey, { identityBinding: 'vouched' });
    expect(prepare(PROFILES.call, request, vouched, ca.issuer, NOW, random(16)).ok).toBe(true);
  });
});

describe('a linted certificate', () => {
  it('is signed once', async () => {
    const linted = token();
    await issue(linted, ca.issuer.signer);
    expect(() => issue(linted, ca.issuer.signer)).toThrow(/already/);
  });

  it('is spent even when the signer failed', async () => {
    const linted = token();
    const broken: Signer = { ...ca.issuer.signer, sign: () => Promise.reject(new SignerUnavailable('down')) };
    await expect(issue(linted, broken)).rejects.toThrow(SignerUnavailable);
    expect(() => issue(linted, ca.issuer.signer)).toThrow(/already/);
  });

  it('cannot be made otherwise: not by type, not by its constructor, not by looking like one', () => {
    const linted = token();
    expectTypeOf<{ serial: string; notBefore: number; notAfter: number }>().not.toExtend<LintedCertificate>();
    const Made = linted.constructor as new (...parts: unknown[]) => LintedCertificate;
    expect(() => new Made(Symbol('mine'), new Uint8Array(), ca.issuer.signer.publicKey, linted)).toThrow(/prepare/);
    const { serial, notBefore, notAfter } = linted;
    const double = Object.assign(Object.create(Made.prototype) as LintedCertificate, { serial, notBefore, notAfter });
    expect(() => issue(double, ca.issuer.signer)).toThrow(/not a linted/);
  });

  it('is for the issuer that was linted', async () => {
    const other = await world();
    const linted = token();
    expect(() => issue(linted, other.issuer.signer)).toThrow(/not the issuer/);
  });
});

describe('a signer', () => {
  it('whose signature does not verify publishes nothing', async () => {
    const liar: Signer = { ...ca.issuer.signer, sign: () => Promise.resolve(new Uint8Array(64).fill(1)) };
    await expect(issue(token(), liar)).rejects.toThrow(/does not verify/);
  });

  it('has a time limit', async () => {
    const hanging: Signer = { ...ca.issuer.signer, timeLimitMs: 5, sign: () => new Promise(() => {}) };
    const limited = withTimeLimit(hanging, () => Promise.resolve());
    await expect(limited.sign(new Uint8Array())).rejects.toThrow(SignerUnavailable);
  });

  it('that does not fit its certificate is refused with a sentence', async () => {
    const other = await world();
    expect(() => openIssuer(other.authority.issuing.certificate, ca.issuer.signer, URLS)).toThrow(/not for this key/);
    expect(() => openIssuer(new Uint8Array(3), ca.issuer.signer, URLS)).toThrow(/not readable/);
  });
});

describe('an authority', () => {
  it('for development says so in every name, one for production does not', async () => {
    const real = await createAuthority({ name: 'Example', development: false, now: NOW, random: random(32) });
    const signer = await jwkSigner(real.issuing.key);
    expect(isDevelopment(openIssuer(real.issuing.certificate, signer, URLS).certificate)).toBe(false);
    expect(isDevelopment(ca.issuer.certificate)).toBe(true);
    const root = new X509Certificate(real.root.certificate);
    expect([root.subject, root.publicKey.asymmetricKeyDetails?.namedCurve]).toEqual([
      'CN=Example root CA',
      'secp384r1',
    ]);
  });

  it('never signs a list that lives longer than a day', async () => {
    await expect(signRevocationList(ca.issuer, [], 1, NOW, DAY + 1)).rejects.toThrow(RangeError);
  });
});

it('serials take exactly 16 bytes, and give themselves again', () => {
  expect(() => serialFrom(new Uint8Array(15))).toThrow(RangeError);
  const serial = serialFrom(random(16));
  expect(serialFrom(serial)).toEqual(serial);
});
