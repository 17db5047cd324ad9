import { describe, expect, it } from 'vitest';
import * as ca from '../../../test/attestation/support/ca.ts';
import * as der from '../../../test/attestation/support/der.ts';
import { readCertificate } from './certificate.ts';
import type { PublicKey } from './public-key.ts';
import { isAvailable, verifySignature } from './signature.ts';
import { isRoca, weakness } from './weak-key.ts';

const subject = der.commonName('TEST');

async function selfSigned(kind: ca.KeyKind, hash: ca.SigningHash = 'SHA-256') {
  const key = await ca.makeKey(kind);
  return readCertificate(await ca.issue({ subject, issuer: subject, signer: key, spki: key.spki, hash }))!;
}

const check = (c: Awaited<ReturnType<typeof selfSigned>>, rules = {}) =>
  verifySignature(c.signatureAlgorithm, c.key, c.tbs, c.signature, rules);

describe('a signature', () => {
  it.each([
    ['P-256', 'SHA-256'],
    ['P-256', 'SHA-384'],
    ['P-384', 'SHA-384'],
    ['P-521', 'SHA-512'],
    ['RSA-2048', 'SHA-256'],
    ['RSA-2048', 'SHA-384'],
    ['RSA-2048', 'SHA-512'],
    ['PSS', 'SHA-256'],
    ['Ed25519', 'SHA-256'],
  ] as const)('by %s with %s holds, and not over other bytes', async (kind, hash) => {
    const certificate = await selfSigned(kind, hash);
    expect(await check(certificate)).toEqual({ ok: true });
    const other = certificate.tbs.slice();
    other[other.length - 1]! ^= 1;
    expect(await check({ ...certificate, tbs: other })).toEqual({ ok: false, reason: 'signature-invalid' });
  });

  it('by ML-DSA-65 holds where the runtime has it', async () => {
    const made = await selfSigned('ML-DSA-65').catch(() => null);
    const judged = made === null ? null : await check(made);
    expect([null, { ok: true }]).toContainEqual(judged);
    const key: PublicKey = { kind: 'ml-dsa', parameters: 65, raw: new Uint8Array(1952) };
    const supported = await isAvailable(key);
    const forged = await verifySignature(
      { kind: 'ml-dsa', parameters: 65 },
      key,
      new Uint8Array(1),
      new Uint8Array(3309),
    );
    expect(forged).toEqual({ ok: false, reason: supported ? 'signature-invalid' : 'algorithm-unavailable' });
    expect(
      await verifySignature({ kind: 'ml-dsa', parameters: 44 }, key, new Uint8Array(1), new Uint8Array(1)),
    ).toEqual({
      ok: false,
      reason: 'signature-algorithm',
    });
  });

  it('with SHA-1 holds only where a rule allows it', async () => {
    const certificate = await selfSigned('RSA-2048', 'SHA-1');
    expect(await check(certificate)).toEqual({ ok: false, reason: 'signature-algorithm' });
    expect(await check(certificate, { sha1: true })).toEqual({ ok: true });
  });

  it('whose algorithm is not one of the key is refused as such', async () => {
    const elliptic = await selfSigned('P-256');
    const rsa = await selfSigned('RSA-2048');
    const edwards = await selfSigned('Ed25519');
    for (const [a, b] of [
      [elliptic, rsa],
      [rsa, edwards],
      [edwards, elliptic],
    ] as const) {
      expect(await check({ ...a, key: b.key })).toEqual({ ok: false, reason: 'signature-algorithm' });
    }
  });

  it('by a key limited to another use is refused', async () => {
    const rsa = await selfSigned('RSA-2048');
    for (const use of ['pss', 'oaep'] as const) {
      const key = { ...(rsa.key as PublicKey & { kind: 'rsa' }), use };
      expect(await check({ ...rsa, key })).toEqual({ ok: false, reason: 'signature-algorithm' });
    }
  });

  it('that is no DER, too long for the curve, or of a point off the curve is invalid, not an exception', async () => {
    const certificate = await selfSigned('P-256');
    const invalid = { ok: false, reason: 'signature-invalid' };
    const long = der.seq(der.int(1n << 260n), der.int(1));
    for (const signature of [new Uint8Array(), new Uint8Array(64), long, der.seq(der.int(-1), der.int(1))]) {
      expect(await check({ ...certificate, signature })).toEqual(invalid);
    }
    const point = new Uint8Array(65).fill(1);
    point[0] = 4;
    expect(await check({ ...certificate, key: { kind: 'ec', curve: 'P-256', point } })).toEqual(invalid);
  });
});

describe('a weak key', () => {
  it.each(['P-256', 'P-384', 'P-521', 'Ed25519', 'RSA-2048'] as const)('is not %s', async (kind) => {
    expect(weakness((await selfSigned(kind)).key)).toBeNull();
  });

  it('is RSA below 2048 bits, with another exponent, or of a curve outside the set', async () => {
    expect(weakness((await selfSigned('RSA-1024')).key)).toMatch('1024 bits');
    expect(weakness((await selfSigned('RSA-3')).key)).toMatch('exponent');
    expect(weakness({ kind: 'unknown', algorithm: '1.3.132.0.10' })).toMatch('1.3.132.0.10');
  });

  it('is an RSA modulus that is a power of 65537 modulo every small prime', () => {
    const primorial = [
      2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107,
      109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193, 197, 199, 211, 223, 227, 229,
    ].reduce((product, prime) => product * BigInt(prime), 1n);
    let power = 1n;
    for (let i = 0; i < 12_345; i++) power = (power * 65_537n) % primorial;
    const modulus = (((1n << 2047n) / primorial + 1n) * primorial + power).toString(16);
    const bytes = new Uint8Array(modulus.match(/../g)!.map((pair) => Number.parseInt(pair, 16)));
    expect(isRoca(bytes)).toBe(true);
    const key: PublicKey = { kind: 'rsa', modulus: bytes, exponent: new Uint8Array([1, 0, 1]), use: 'any' };
    expect(weakness(key)).toMatch('ROCA');
    const off = bytes.slice();
    off[255]! ^= 2;
    expect(isRoca(off)).toBe(false);
  });
});
