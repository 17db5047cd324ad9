/** A certificate authority and devices for tests; every key is made at run time. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { Verdict } from '../../src/attestation/verdict.ts';
import { base32 } from '../../src/bytes/base32.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import { type Authority, createAuthority, type Issuer, openIssuer } from '../../src/ca/authority.ts';
import { issue, type IssuanceRequest, prepare } from '../../src/ca/issue.ts';
import { PROFILES } from '../../src/ca/profile.ts';
import { readRequest } from '../../src/ca/request.ts';
import { jwkSigner } from '../../src/ca/signer.ts';
import { verifyAll, type Plan } from '../../src/directory/signature.ts';
import { requestBody, signedRequest } from '../../src/identity/request.ts';

export const NOW = Date.UTC(2026, 10, 26, 12);
export const URLS = { crl: 'https://calls.example/v1/pki/crl', issuers: 'https://calls.example/v1/pki/ca' };
export const TRANSCRIPT = sha256(utf8('transcript'));
export const ACCOUNT = base32(sha256(utf8('account')));
export const DEVICE = base32(sha256(utf8('device')).subarray(0, 16));

export interface World {
  readonly authority: Authority;
  readonly issuer: Issuer;
  readonly root: Uint8Array;
}

export function random(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}

export async function world(now = NOW): Promise<World> {
  const authority = await createAuthority({ name: 'Test', development: true, now: now - 1000, random: random(32) });
  const signer = await jwkSigner(authority.issuing.key);
  return {
    authority,
    issuer: openIssuer(authority.issuing.certificate, signer, URLS),
    root: authority.root.certificate,
  };
}

export interface Keys {
  readonly pair: CryptoKeyPair;
  readonly spki: Uint8Array<ArrayBuffer>;
  sign(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
}

export async function keys(): Promise<Keys> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey));
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
  return {
    pair,
    spki,
    sign: async (data) => new Uint8Array(await crypto.subtle.sign(algorithm, pair.privateKey, data)),
  };
}

/** Verifies a plan with WebCrypto and gives its value; throws the reason. */
export async function settled<T, R extends string>(plan: Plan<T, R> | { ok: false; reason: string }): Promise<T> {
  if (!plan.ok) throw new Error(plan.reason);
  const results = await verifyAll(crypto.subtle, plan.checks);
  const concluded = plan.conclude((_, i) => results[i]!);
  if (!concluded.ok) throw new Error(concluded.reason);
  return concluded.value;
}

export function verdict(spki: Uint8Array, part: Partial<Verdict> = {}): Verdict {
  return {
    decision: 'accept',
    format: 'tpm2',
    assurance: { attestedKeyHardware: 'firmware-tpm', identityKeyHardware: 'firmware-tpm', freshness: 'challenge' },
    attestedKey: base64url(spki),
    identityBinding: 'key-attested',
    policy: 'standard-1',
    facts: {},
    checks: [],
    ...part,
  };
}

export async function csr(device: Keys, transcript: Uint8Array = TRANSCRIPT): Promise<Uint8Array<ArrayBuffer>> {
  const body = requestBody(device.spki, transcript);
  return signedRequest(body, await device.sign(body));
}

export async function requestFor(device: Keys, part: Partial<IssuanceRequest> = {}): Promise<IssuanceRequest> {
  const proven = await settled(readRequest(await csr(device), { key: device.spki, transcript: TRANSCRIPT }));
  return { proven, account: ACCOUNT, device: DEVICE, evidence: sha256(utf8('evidence')), ...part };
}

/** A certificate of profile `call` (or `device`, when `account` is null). */
export async function certify({ issuer }: World, device: Keys, part: Partial<IssuanceRequest> = {}, now = NOW) {
  const request = await requestFor(device, part);
  const profile = request.account === null ? PROFILES.device : PROFILES.call;
  const prepared = prepare(profile, request, verdict(device.spki), issuer, now, random(16));
  if (!prepared.ok) throw new Error(`${prepared.reason} ${JSON.stringify(prepared.findings)}`);
  return issue(prepared.token, issuer.signer);
}
