import * as jose from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  ACCOUNT,
  certify,
  DEVICE,
  keys,
  type Keys,
  NOW,
  random,
  world,
  type World,
} from '../../../test/support/authority.ts';
import { base64url } from '../../bytes/base64url.ts';
import { utf8 } from '../../bytes/utf8.ts';
import { jwkSigner, type Signer } from '../../ca/signer.ts';
import { signRevocationList } from '../../ca/revocation.ts';
import { verifyAll } from '../../directory/signature.ts';
import { keySet } from '../../directory/jwk.ts';
import { readIdentity } from '../../identity/certificate.ts';
import type { Expectation } from '../../identity/judge.ts';
import { clientAssertion, dpopProof, hello, type JwsDraft, thumbprint, tokenHash } from '../../identity/proof.ts';
import { acceptRevocationList } from '../../identity/revocation.ts';
import type { Hello } from '../../protocol/courier.ts';
import type { KeySet } from '../../protocol/handle.ts';
import type { AccessTokenClaims, ClientAssertionClaims, DpopClaims } from '../../protocol/request.ts';
import { mintAccessToken } from './access-token.ts';
import { verifyClientAssertion } from './client-assertion.ts';
import { verifyHello } from './hello.ts';
import { dpopNonce, isDpopNonce, mintNonce, openNonce, type Nonce } from './nonce.ts';
import { SeenTokens } from './seen-tokens.ts';
import { authenticate, type RequestFacts, type RequestRules } from './request.ts';

const ORIGIN = 'https://calls.example';
const S = Math.floor(NOW / 1000);
const DAY = 86_400_000;
const MAC = [
  { kid: 'n2', secret: random(32) },
  { kid: 'n1', secret: random(32) },
] as const;

let ca: World;
let device: Keys;
let stranger: Keys;
let chain: Uint8Array[];
let tokenSigner: Signer;
let published: KeySet;
let expected: Expectation;
beforeAll(async () => {
  [ca, device, stranger] = [await world(), await keys(), await keys()];
  chain = [await certify(ca, device), ca.authority.issuing.certificate];
  const { x, y, d } = await crypto.subtle.exportKey('jwk', (await keys()).pair.privateKey);
  tokenSigner = await jwkSigner({ kty: 'EC', crv: 'P-256', kid: 'token-1', x: x!, y: y!, d: d! });
  published = keySet([tokenSigner]);
  expected = {
    profile: 'call',
    roots: [ca.authority.issuing.certificate],
    now: NOW,
    validity: 'in-force',
    revocations: null,
  };
});

const seal = async (draft: JwsDraft, by: Keys) => draft.seal(await by.sign(draft.input));
/** The same JWS with another header: what an attacker can write without a key. */
const withHeader = (jws: string, header: object) => jws.replace(/^[^.]+/, base64url(utf8(JSON.stringify(header))));

describe('a client assertion', () => {
  const claims = (part: Partial<ClientAssertionClaims> = {}): ClientAssertionClaims => {
    return { iss: DEVICE, sub: DEVICE, aud: ORIGIN, jti: 'jti-12345678', iat: S, exp: S + 60, ...part };
  };
  const made = (part: Partial<ClientAssertionClaims> = {}, by = device, list = chain) =>
    seal(clientAssertion(list, claims(part)), by);
  const verify = (jws: string, part: Partial<Expectation> = {}) =>
    verifyClientAssertion(jws, ORIGIN, { ...expected, ...part });

  it('names the device and account of its certificate', async () => {
    const result = await verify(await made());
    expect(result).toMatchObject({
      ok: true,
      client: { identity: { account: ACCOUNT, device: DEVICE }, jti: 'jti-12345678' },
    });
  });

  it('is an ordinary JWT to jose', async () => {
    const { payload } = await jose.jwtVerify(await made(), device.pair.publicKey, {
      currentDate: new Date(NOW),
      typ: 'client-authentication+jwt',
    });
    expect(payload.sub).toBe(DEVICE);
  });

  async function revoked() {
    const { serial, notAfter } = readIdentity(chain[0]!)!.certificate;
    const der = await signRevocationList(
      ca.issuer,
      [{ serial, at: NOW, reason: 'owner', until: notAfter }],
      1,
      NOW,
      3_600_000,
    );
    const plan = acceptRevocationList(der, [], [ca.authority.issuing.certificate], NOW);
    if (!plan.ok) throw new Error(plan.reason);
    const results = await verifyAll(crypto.subtle, plan.checks);
    const list = plan.conclude((_, i) => results[i]!);
    return list.ok ? list.value : null;
  }
  const none = { alg: 'none', typ: 'client-authentication+jwt' };

  it.each<[string, string, () => Promise<unknown>]>([
    ['assertion-audience', 'for another issuer', async () => verify(await made({ aud: 'https://other.example' }))],
    [
      'assertion-subject',
      'of another device',
      async () => verify(await made({ sub: 'a'.repeat(26), iss: 'a'.repeat(26) })),
    ],
    ['assertion-lifetime', 'longer than a minute', async () => verify(await made({ exp: S + 61 }))],
    ['assertion-expired', 'expired', async () => verify(await made({ iat: S - 61, exp: S - 1 }))],
    ['assertion-expired', 'from the future', async () => verify(await made({ iat: S + 61, exp: S + 100 }))],
    ['assertion-signature', 'signed by another key', async () => verify(await made({}, stranger))],
    ['assertion-malformed', 'without jti', async () => verify(await made({ jti: '' }))],
    [
      'assertion-malformed',
      'with another spelling of the same signature',
      async () => {
        const good = await made();
        const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.indexOf(good.at(-1)!);
        const other = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'[last ^ 1]!;
        return verify(good.slice(0, -1) + other);
      },
    ],
    ['assertion-malformed', 'with alg none', async () => verify(withHeader(await made(), none))],
    ['assertion-malformed', 'with HS256', async () => verify(withHeader(await made(), { ...none, alg: 'HS256' }))],
    [
      'assertion-malformed',
      'with another typ',
      async () => verify(withHeader(await made(), { alg: 'ES256', typ: 'JWT' })),
    ],
    [
      'assertion-malformed',
      'with jku',
      async () => verify(withHeader(await made(), { alg: 'ES256', typ: none.typ, jku: ORIGIN })),
    ],
    ['assertion-malformed', 'too long', async () => verify(`${await made()}${'A'.repeat(9000)}`)],
    [
      'certificate-refused',
      'without chain',
      async () => verify(withHeader(await made(), { alg: 'ES256', typ: none.typ })),
    ],
    [
      'certificate-refused',
      'with numbers for a chain',
      async () => verify(withHeader(await made(), { alg: 'ES256', typ: none.typ, x5c: [1] })),
    ],
    [
      'certificate-refused',
      'under another CA',
      async () => verify(await made({}, device, [await certify(await world(), device)])),
    ],
    ['certificate-refused', 'with an expired certificate', async () => verify(await made(), { now: NOW + 8 * DAY })],
    ['certificate-refused', 'with one not yet valid', async () => verify(await made(), { now: NOW - DAY })],
    ['certificate-refused', 'with a revoked one', async () => verify(await made(), { revocations: await revoked() })],
    [
      'certificate-refused',
      'of the other profile',
      async () => verify(await made({}, device, [await certify(ca, device, { account: null }), chain[1]!])),
    ],
  ])('is refused: %s (%s)', async (reason, _what, attempt) =>
    expect(await attempt()).toMatchObject({ ok: false, reason }),
  );
});

describe('an authenticated request', () => {
  const facts = (part: Partial<RequestFacts>): RequestFacts => ({
    method: 'POST',
    path: '/v1/lookups',
    authorization: null,
    dpop: null,
    ...part,
  });
  const rules = (part: Partial<RequestRules> = {}): RequestRules => ({
    origin: ORIGIN,
    keys: published,
    seen: new SeenTokens(),
    nonceKeys: MAC,
    now: NOW,
    ...part,
  });
  async function token(at = NOW, signer = tokenSigner): Promise<string> {
    const identity = { ...readIdentity(chain[0]!)!, dormant: false, revocation: 'good' } as const;
    return mintAccessToken(signer, ORIGIN, identity, at, random(16));
  }
  const claims = (accessToken: string, part: Partial<DpopClaims> = {}): DpopClaims => {
    return {
      jti: 'proof-1234',
      htm: 'POST',
      htu: `${ORIGIN}/v1/lookups`,
      iat: S,
      ath: tokenHash(accessToken),
      nonce: dpopNonce(MAC, NOW),
      ...part,
    };
  };

  async function ask({
    proof = {},
    by = device,
    at = NOW,
    request = {},
    given = {},
    access = null as string | null,
  } = {}) {
    const accessToken = access ?? (await token(at));
    const dpop = await seal(dpopProof(by.spki, claims(accessToken, proof)), by);
    return authenticate(facts({ authorization: `DPoP ${accessToken}`, dpop, ...request }), rules(given));
  }

  it('is by the device that holds the key', async () => {
    expect(await ask()).toMatchObject({
      ok: true,
      caller: {
        account: ACCOUNT,
        device: DEVICE,
        key: base64url(device.spki),
        proof: { jti: 'proof-1234', jkt: thumbprint(device.spki) },
      },
    });
  });

  it('is judged by its times, keys and proof each time, whatever was seen of its token', async () => {
    const seen = new SeenTokens();
    const access = await token();
    expect(await ask({ access, given: { seen } })).toMatchObject({ ok: true });
    const later = { seen, now: NOW + 600_000 };
    expect(await ask({ access, given: later })).toMatchObject({ ok: false, reason: 'token-expired' });
    const withdrawn = { seen, keys: { keys: [] } };
    expect(await ask({ access, given: withdrawn })).toMatchObject({ ok: false, reason: 'token-unknown-key' });
    expect(await ask({ access, by: stranger, given: { seen } })).toMatchObject({ ok: false, reason: 'proof-key' });
  });

  it('of profile device has no account', async () => {
    const alone = readIdentity(await certify(ca, device, { account: null }))!;
    const access = await mintAccessToken(
      tokenSigner,
      ORIGIN,
      { ...alone, dormant: false, revocation: 'good' },
      NOW,
      random(16),
    );
    expect(await ask({ access })).toMatchObject({ ok: true, caller: { account: null, device: DEVICE } });
  });

  it('has a thumbprint and proof that jose agrees with', async () => {
    const jwk = await jose.exportJWK(device.pair.publicKey);
    expect(await jose.calculateJwkThumbprint(jwk)).toBe(thumbprint(device.spki));
    const header = { alg: 'ES256', typ: 'dpop+jwt', jwk: { kty: 'EC', crv: 'P-256', x: jwk.x!, y: jwk.y! } };
    const accessToken = await token();
    const dpop = await new jose.SignJWT({ ...claims(accessToken) })
      .setProtectedHeader(header)
      .sign(device.pair.privateKey);
    const request = facts({ authorization: `DPoP ${accessToken}`, dpop });
    expect(await authenticate(request, rules())).toMatchObject({ ok: true });
  });

  it('compares the URL with the configured origin after normalization, without query and fragment', async () => {
    for (const htu of [
      'HTTPS://CALLS.example:443/v1/lookups',
      `${ORIGIN}/v1/x/../lookups`,
      `${ORIGIN}/v1/lookups?x=1#y`,
    ])
      expect(await ask({ proof: { htu } })).toMatchObject({ ok: true });
  });

  async function altered(change: Partial<AccessTokenClaims>, signer = tokenSigner) {
    const good = jose.decodeJwt(await token());
    const header = { alg: 'ES256', typ: 'at+jwt', kid: 'token-1' };
    const input = [header, { ...good, ...change }].map((part) => base64url(utf8(JSON.stringify(part)))).join('.');
    return `${input}.${base64url(await signer.sign(utf8(input)))}`;
  }
  const forger = async (): Promise<Signer> => ({ ...tokenSigner, sign: (data) => stranger.sign(data) });
  const handled = (header: object) => async () => ask({ access: withHeader(await token(), header) });

  it.each<[string, string, () => Promise<unknown>]>([
    ['credentials-missing', 'no token', () => authenticate(facts({}), rules())],
    [
      'credentials-missing',
      'a bearer token',
      async () => authenticate(facts({ authorization: `Bearer ${await token()}`, dpop: 'x' }), rules()),
    ],
    [
      'credentials-missing',
      'a token without proof',
      async () => authenticate(facts({ authorization: `DPoP ${await token()}` }), rules()),
    ],
    ['token-expired', 'an expired token', () => ask({ at: NOW - 600_000 })],
    ['token-malformed', 'alg none', handled({ alg: 'none', typ: 'at+jwt', kid: 'token-1' })],
    [
      'token-malformed',
      'HS256 with the public key as secret',
      handled({ alg: 'HS256', typ: 'at+jwt', kid: 'token-1' }),
    ],
    ['token-malformed', 'another kind of JWT', handled({ alg: 'ES256', typ: 'callsign-handle+jwt', kid: 'token-1' })],
    ['token-malformed', 'garbage', () => ask({ access: 'x.y.z' })],
    ['token-unknown-key', 'an unknown kid', handled({ alg: 'ES256', typ: 'at+jwt', kid: 'token-9' })],
    ['token-signature', 'another signer', async () => ask({ access: await token(NOW, await forger()) })],
    [
      'token-issuer',
      'a token of another deployment',
      async () => ask({ access: await altered({ iss: 'https://other.example' }) }),
    ],
    [
      'token-issuer',
      'a token for another audience',
      async () => ask({ access: await altered({ aud: 'https://other.example' }) }),
    ],
    [
      'token-malformed',
      'a token that is not bound to a key',
      async () => ask({ access: await altered({ cnf: {} as { jkt: string } }) }),
    ],
    ['proof-key', 'a stolen token with another key', () => ask({ by: stranger })],
    ['proof-method', 'another method', () => ask({ request: { method: 'GET' } })],
    ['proof-url', 'another path', () => ask({ request: { path: '/v1/handles' } })],
    ['proof-url', 'another host', () => ask({ proof: { htu: 'https://calls.example.evil/v1/lookups' } })],
    ['proof-url', 'no URL', () => ask({ proof: { htu: '/v1/lookups' } })],
    ['proof-time', 'a clock a minute behind', () => ask({ proof: { iat: S - 61 } })],
    ['proof-time', 'a clock a minute ahead', () => ask({ proof: { iat: S + 62 } })],
    ['proof-token-hash', 'a proof made for another token', () => ask({ proof: { ath: tokenHash('other') } })],
    ['proof-nonce', 'no nonce', () => ask({ proof: { nonce: '' } })],
    ['proof-nonce', 'an old nonce', () => ask({ proof: { nonce: dpopNonce(MAC, NOW - 240_000) } })],
    ['proof-malformed', 'no jti', () => ask({ proof: { jti: '' } })],
    [
      'proof-malformed',
      'a private key in the header',
      async () => {
        const accessToken = await token();
        const jwk = await crypto.subtle.exportKey('jwk', device.pair.privateKey);
        const dpop = withHeader(await seal(dpopProof(device.spki, claims(accessToken)), device), {
          alg: 'ES256',
          typ: 'dpop+jwt',
          jwk,
        });
        return authenticate(facts({ authorization: `DPoP ${accessToken}`, dpop }), rules());
      },
    ],
    [
      'proof-signature',
      'a proof that its key did not sign',
      async () => {
        const accessToken = await token();
        const dpop = await seal(dpopProof(device.spki, claims(accessToken)), stranger);
        return authenticate(facts({ authorization: `DPoP ${accessToken}`, dpop }), rules());
      },
    ],
  ])('is refused: %s (%s)', async (reason, _what, attempt) =>
    expect(await attempt()).toMatchObject({ ok: false, reason }),
  );
});

describe('a hello', () => {
  const nonce = (part: Partial<Nonce> = {}) =>
    mintNonce(
      MAC,
      { purpose: 'hello', device: DEVICE, account: ACCOUNT, detail: '', expiresAt: NOW + 60_000, ...part },
      random(16),
    );
  const greeting = (part: Partial<Hello> = {}): Hello => {
    return {
      nonce: nonce(),
      deployment: 'home',
      device: DEVICE,
      pushTokenHash: 'A'.repeat(43),
      box: null,
      lastSeq: 0,
      iat: NOW,
      ...part,
    };
  };
  const say = async (part: Partial<Hello> = {}, by = device, given: Partial<Expectation> = {}) =>
    verifyHello(await seal(hello(chain, greeting(part)), by), {
      deployment: 'home',
      nonceKeys: MAC,
      identity: { ...expected, ...given },
    });

  it('is complete before anything is touched, and fits a WebSocket subprotocol', async () => {
    expect(await say()).toMatchObject({
      ok: true,
      greeted: { identity: { device: DEVICE, account: ACCOUNT }, hello: { lastSeq: 0 } },
    });
    expect(await seal(hello(chain, greeting()), device)).toMatch(/^[A-Za-z0-9._-]{1,8192}$/);
    expect(await say({ nonce: nonce({ device: null, account: null }) })).toMatchObject({ ok: true });
  });

  it('of a dormant device is admitted and marked', async () => {
    const now = NOW + 30 * DAY;
    const late = { nonce: nonce({ expiresAt: now + 1000 }), iat: now };
    expect(await say(late, device, { now, validity: { dormantAfter: 90 * DAY } })).toMatchObject({
      greeted: { identity: { dormant: true } },
    });
    expect(await say(late, device, { now })).toMatchObject({ reason: 'certificate-refused', detail: 'expired' });
  });

  it.each<[string, string, () => Promise<unknown>]>([
    ['hello-deployment', 'another deployment', () => say({ deployment: 'elsewhere' })],
    ['hello-device', 'another device', () => say({ device: 'a'.repeat(26) })],
    ['hello-time', 'a clock that is off', () => say({ iat: NOW - 61_000 })],
    ['hello-nonce', 'an expired nonce', () => say({ nonce: nonce({ expiresAt: NOW }) })],
    ['hello-nonce', 'a nonce for enrollment', () => say({ nonce: nonce({ purpose: 'enrol' }) })],
    ['hello-nonce', 'the nonce of another device', () => say({ nonce: nonce({ device: 'a'.repeat(26) }) })],
    ['hello-nonce', 'a nonce of nobody', () => say({ nonce: 'n2.AAAA.AAAA' })],
    ['hello-signature', 'another key', () => say({}, stranger)],
    ['hello-malformed', 'a hello without its fields', () => say({ lastSeq: -1 })],
    [
      'hello-malformed',
      'a client assertion',
      async () =>
        verifyHello(await seal(clientAssertion(chain, {} as ClientAssertionClaims), device), {
          deployment: 'home',
          nonceKeys: MAC,
          identity: expected,
        }),
    ],
  ])('is refused: %s (%s)', async (reason, _what, attempt) =>
    expect(await attempt()).toMatchObject({ ok: false, reason }),
  );
});

describe('a stateless nonce', () => {
  const fields: Nonce = { purpose: 'enrol', device: DEVICE, account: null, detail: 'tpm2', expiresAt: NOW + 300_000 };

  it('says what it was made with, under any current key', () => {
    const text = mintNonce(MAC, fields, random(16));
    expect(text).toMatch(/^n2\.[A-Za-z0-9_.-]{1,250}$/);
    expect(openNonce(MAC, text, 'enrol', NOW)).toMatchObject({ ok: true, nonce: fields });
    expect(openNonce(MAC, mintNonce([MAC[1]], fields, random(16)), 'enrol', NOW)).toMatchObject({ ok: true });
  });

  it("is nobody else's to make", () => {
    const text = mintNonce(MAC, fields, random(16));
    for (let i = 0; i < text.length; i++) {
      const changed = `${text.slice(0, i)}${text[i] === 'A' ? 'B' : 'A'}${text.slice(i + 1)}`;
      expect(openNonce(MAC, changed, 'enrol', NOW).ok).toBe(false);
    }
    const [first] = MAC;
    expect(openNonce([{ ...first, secret: random(32) }], text, 'enrol', NOW)).toEqual({ ok: false, reason: 'forged' });
    expect(openNonce([{ ...first, kid: 'n3' }], text, 'enrol', NOW)).toEqual({ ok: false, reason: 'unknown-key' });
    expect(openNonce(MAC, text, 'renew', NOW)).toEqual({ ok: false, reason: 'wrong-purpose' });
    expect(openNonce(MAC, text, 'enrol', NOW + 300_000)).toEqual({ ok: false, reason: 'expired' });
    for (const bad of ['', '...', 'n2..', `${text}.x`, 'x'.repeat(600)])
      expect(openNonce(MAC, bad, 'enrol', NOW)).toEqual({ ok: false, reason: 'malformed' });
  });

  it('for DPoP lives in its bucket and the next, under both keys', () => {
    const text = dpopNonce(MAC, NOW);
    expect(isDpopNonce(MAC, text, NOW + 120_000)).toBe(true);
    expect(isDpopNonce(MAC, text, NOW + 240_000)).toBe(false);
    expect(isDpopNonce(MAC, dpopNonce([MAC[1]], NOW), NOW)).toBe(true);
    expect(isDpopNonce([{ kid: 'n2', secret: random(32) }], text, NOW)).toBe(false);
  });
});
