import * as jose from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { base64url } from '../../src/bytes/base64url.ts';
import { derExplicit, derOctets, derOid, derSequence, derSet, derUnsigned } from '../../src/bytes/der-write.ts';
import { concat } from '../../src/bytes/join.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import { mintAccessToken } from '../../src/http/auth/access-token.ts';
import { readIdentity } from '../../src/identity/certificate.ts';
import { requestBody, signedRequest } from '../../src/identity/request.ts';
import { OID_TRANSCRIPT } from '../../src/protocol/identity.ts';
import { spkiOf } from '../../src/sdk/crypto/point.ts';
import { type Attester, developmentAttester, enroll, type Identity } from '../../src/sdk/index.ts';
import type { Sent } from '../blackbox/prover.ts';
import { type Town, townOf } from '../support/asker.ts';
import { certify, keys, random } from '../support/authority.ts';
import { inProcess, ORIGIN } from '../support/in-process.ts';

/**
 * Who must not get a certificate, a token or an answer. Every row changes one thing of a request that is answered (`what is whole is
 * answered`, below), and hears why. What concerns renewals stands in renewal.test.ts.
 */
type Heard = readonly [status: number, reason: string];
const NEGATIVES: readonly (readonly [what: string, attempt: () => Promise<Response>, heard: Heard])[] = [
  [
    'a certificate of an account that has not admitted the device',
    () => token(intruder),
    [401, 'device-not-in-manifest'],
  ],
  [
    'a token for an account that has not admitted the device',
    () => policyWith(intruder, intrusion),
    [403, 'device-not-in-manifest'],
  ],
  ['a certificate of an account that is not there', () => token(nobody), [401, 'unknown-account']],
  ['an identity key that the manifest does not name', () => token(otherKey), [401, 'another-key']],
  ['a certificate under another root', () => token(foreign), [401, 'certificate-refused']],
  ['a certificate request with another key', () => enrolling('another key'), [422, 'csr-key']],
  ['a certificate request that asks for a name', () => enrolling('a name'), [422, 'csr-asks-for-name']],
  ['a certificate request that asks for extensions', () => enrolling('extensions'), [422, 'csr-asks-for-extensions']],
  ['a certificate request that its key did not sign', () => enrolling('a signature'), [422, 'csr-signature']],
  ['a proof that its key did not sign', () => proved({ proof: 'mixed' }), [401, 'proof-signature']],
  ['a proof that is none', () => proved({ proof: 'a.b.c' }), [401, 'proof-malformed']],
  ['a proof for another token', () => proved({ claims: { ath: 'A'.repeat(43) } }), [401, 'proof-token-hash']],
  ['a proof a second time, same jti, same nonce', () => replayed(), [401, 'proof-replayed']],
  ['an assertion a second time', () => assertedTwice(), [401, 'proof-replayed']],
  ['a stolen token without its key', () => stolen(), [401, 'proof-key']],
  ['an assertion that another key signed', () => tokenBy(alice, bob), [401, 'assertion-signature']],
  ['an expired token', () => expired(), [401, 'token-expired']],
  ['an expired certificate', () => token(alice, late), [401, 'certificate-refused']],
  ['a certificate that is not yet valid', () => token(alice, early), [401, 'certificate-refused']],
  ['a token of a device that was revoked meanwhile', () => policyWith(revoked, revokedToken), [403, 'device-revoked']],
  ['a certificate of a device that was revoked', () => token(revoked), [401, 'device-revoked']],
  ['a token under an unknown kid', () => headed({ kid: 'nobody' }), [401, 'token-unknown-key']],
  ['a token of another key under a known kid', () => signedBySomebody(), [401, 'token-signature']],
  ['a token under alg none', () => headed({ alg: 'none' }), [401, 'token-malformed']],
  ['a token under HS256 with the public key as secret', () => confused(), [401, 'token-malformed']],
  ['a proof for another URL', () => proved({ claims: { htu: `${ORIGIN}/v1/history` } }), [401, 'proof-url']],
  [
    'a proof for another host',
    () => proved({ claims: { htu: 'https://calls.example.evil/v1/policy' } }),
    [401, 'proof-url'],
  ],
  ['a proof for another method', () => proved({ claims: { htm: 'POST' } }), [401, 'proof-method']],
  ['a clock more than a minute behind', () => proved({ claims: { iat: seconds() - 62 } }), [401, 'proof-time']],
  ['a clock more than a minute ahead', () => proved({ claims: { iat: seconds() + 62 } }), [401, 'proof-time']],
  ['a nonce of four minutes ago', () => proved({ claims: { nonce: staleNonce } }), [401, 'proof-nonce']],
  ['an idempotency key with another body', () => reused(), [422, 'idempotency-key-reused']],
];

const place = await inProcess();
afterAll(() => place.stop());
let town: Town;
/** The same deployment when certificates of today have ended, or were not yet made. */
let late: Town;
let early: Town;
let alice: Identity;
let bob: Identity;
let revoked: Identity;
let revokedToken: string;
/** Certified for alice's account, which does not name it. */
let intruder: Identity;
let intrusion: string;
let nobody: Identity;
let otherKey: Identity;
let foreign: Identity;
let staleNonce: string;
const seconds = () => Math.floor(place.simulator.now / 1_000);

beforeAll(async () => {
  const services = await place.services();
  town = townOf(services);
  late = townOf({ ...services, now: () => place.simulator.now + 8 * 86_400_000 });
  early = townOf({ ...services, now: () => place.simulator.now - 3_600_000 });
  [alice, bob, revoked] = [await town.enroll(), await town.enroll(), await town.enroll()];
  revokedToken = await town.prover(revoked).token();
  await town.prover(revoked).ask('DELETE', `/v1/devices/${revoked.device}`);
  const { issuer } = services.keys;
  /** What our own CA would have to be made to sign. */
  const made = async (account: string, device: string, by = issuer): Promise<Identity> => {
    const own = await keys();
    const world = { issuer: by } as Parameters<typeof certify>[0];
    const leaf = await certify(world, own, { account, device }, place.simulator.now);
    const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', own.pair.publicKey));
    const key = { publicKey, sign: (message: Uint8Array) => own.sign(message.slice()) };
    return { ...alice, account, device, key, chain: [leaf, by.certificate.der.slice()] };
  };
  intruder = await made(alice.account, bob.device);
  nobody = await made('a'.repeat(51) + 'q', bob.device);
  otherKey = await made(alice.account, alice.device);
  const elsewhere = await inProcess();
  foreign = await townOf(await elsewhere.services()).enroll();
  elsewhere.stop();
  const identity = { ...readIdentity(intruder.chain[0]!)!, dormant: false, revocation: 'good' } as const;
  intrusion = await mintAccessToken(services.keys.access, ORIGIN, identity, place.simulator.now, random(16));
  staleNonce = await town.prover(alice).nonce();
  await place.simulator.pass(240_000);
});

const token = async (identity: Identity, at: Town = town) => {
  const prover = at.prover(identity);
  return prover.askToken(await prover.assertion());
};
const tokenBy = async (whose: Identity, signer: Identity) => {
  const prover = town.prover(signer);
  return prover.askToken(await town.prover({ ...whose, key: signer.key }).assertion());
};
const PATH = '/v1/policy';
const body = JSON.stringify({ blocked: [], quietUntil: null, contactsOnly: false, contacts: [] });
const policyWith = (identity: Identity, access: string) => town.prover(identity).ask('GET', PATH, { token: access });

async function proved(sent: Sent): Promise<Response> {
  const prover = town.prover(alice);
  if (sent.proof !== 'mixed') return prover.ask('PUT', PATH, { body, ...sent });
  const access = await prover.token();
  const [header] = (await prover.proof('PUT', PATH, access)).split('.');
  const [, payload, signature] = (await town.prover(bob).proof('PUT', PATH, access)).split('.');
  return prover.ask('PUT', PATH, { body, proof: `${header}.${payload}.${signature}` });
}

async function replayed(): Promise<Response> {
  const prover = town.prover(alice);
  const proof = await prover.proof('PUT', PATH, await prover.token());
  expect((await prover.ask('PUT', PATH, { body, proof })).status).toBe(200);
  return prover.ask('PUT', PATH, { body, proof });
}

async function assertedTwice(): Promise<Response> {
  const prover = town.prover(alice);
  const assertion = await prover.assertion();
  expect((await prover.askToken(assertion)).status).toBe(200);
  return prover.askToken(assertion);
}

const stolen = async () => policyWith(bob, await town.prover(alice).token());

async function expired(): Promise<Response> {
  const identity = { ...readIdentity(alice.chain[0]!)!, dormant: false, revocation: 'good' } as const;
  const { access } = town.services.keys;
  return policyWith(alice, await mintAccessToken(access, ORIGIN, identity, place.simulator.now - 600_000, random(16)));
}

const encoded = (part: object) => base64url(utf8(JSON.stringify(part)));
async function headed(change: object): Promise<Response> {
  const access = await town.prover(alice).token();
  const header = { ...jose.decodeProtectedHeader(access), ...change };
  return policyWith(alice, `${encoded(header)}.${access.split('.').slice(1).join('.')}`);
}

async function signedBySomebody(): Promise<Response> {
  const access = await town.prover(alice).token();
  const input = access.slice(0, access.lastIndexOf('.'));
  return policyWith(alice, `${input}.${base64url(await (await keys()).sign(utf8(input)))}`);
}

async function confused(): Promise<Response> {
  const access = await town.prover(alice).token();
  const header = { ...jose.decodeProtectedHeader(access), alg: 'HS256' };
  const input = `${encoded(header)}.${access.split('.')[1]}`;
  const secret = town.services.keys.access.publicKey.slice();
  const mac = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return policyWith(alice, `${input}.${base64url(new Uint8Array(await crypto.subtle.sign('HMAC', mac, utf8(input))))}`);
}

async function reused(): Promise<Response> {
  const headers = { 'Idempotency-Key': '"one-key-for-two"' };
  const ask = (handle: string) =>
    town.prover(alice).ask('POST', '/v1/handles', { body: JSON.stringify({ handle }), headers });
  expect((await ask('one@example.com')).status).toBe(202);
  return ask('two@example.com');
}

type Change = 'nothing' | 'another key' | 'a name' | 'extensions' | 'a signature';

/** An enrollment of which only the certificate request is another one. */
async function enrolling(change: Change): Promise<Response> {
  const config = town.config();
  const own = developmentAttester(config.crypto);
  let transcript = new Uint8Array();
  const attester: Attester = {
    ...own,
    attest: (given, context) => {
      transcript = given.slice();
      return own.attest(given, context);
    },
  };
  const heard: Response[] = [];
  const fetch = async (url: string, init: RequestInit) => {
    if (!url.endsWith('/v1/enrollments')) return config.fetch(url, init);
    const sent = JSON.parse(init.body as string) as { csr: string };
    const csr =
      change === 'nothing' ? sent.csr : await requestWith(change, await own.identityKey(transcript), transcript);
    const answer = await config.fetch(url, { ...init, body: JSON.stringify({ ...sent, csr }) });
    heard.push(answer.clone());
    return answer;
  };
  await enroll({ ...config, fetch }, attester).catch(() => undefined);
  return heard[0]!;
}

async function requestWith(
  change: Exclude<Change, 'nothing'>,
  key: Identity['key'],
  transcript: Uint8Array,
): Promise<string> {
  const signer = change === 'another key' ? bob.key : key;
  const whole = requestBody(spkiOf(signer.publicKey), transcript);
  const text = utf8('somebody');
  const utf8String = new Uint8Array([0x0c, text.length, ...text]);
  const name = derSequence(derSet(derSequence(derOid('2.5.4.3'), utf8String)));
  const asked = derSequence(derOid('1.2.840.113549.1.9.14'), derSet(derSequence()));
  const shown = derSequence(derOid(OID_TRANSCRIPT), derSet(derOctets(transcript)));
  const info = (subject: Uint8Array, ...attributes: Uint8Array[]) =>
    derSequence(
      derUnsigned(new Uint8Array([0])),
      subject,
      spkiOf(signer.publicKey),
      derExplicit(0, concat(...attributes)),
    );
  const bodies = {
    'another key': whole,
    'a name': info(name, shown),
    extensions: info(derSequence(), shown, asked),
    'a signature': whole,
  };
  const signed = bodies[change];
  const by = change === 'a signature' ? bob.key : signer;
  return base64url(signedRequest(signed, await by.sign(signed)));
}

describe('what is whole is answered', () => {
  it.each<[string, () => Promise<Response>, number]>([
    ['a token for a certified device', () => token(alice), 200],
    ['a request with token and proof', () => proved({}), 200],
    ['a clock nearly a minute off', () => proved({ claims: { iat: seconds() - 58 } }), 200],
    ['an enrollment', () => enrolling('nothing'), 201],
    ['a header written again', () => headed({}), 200],
  ])('%s', async (_, attempt, status) => expect((await attempt()).status).toBe(status));
});

describe('what is not is refused', () => {
  it.each(NEGATIVES)('%s', async (_, attempt, heard) => {
    const answer = await attempt();
    expect([answer.status, ((await answer.json()) as { reason: string }).reason]).toEqual(heard);
  });
});
