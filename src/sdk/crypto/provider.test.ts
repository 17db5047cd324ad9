import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { concat } from '../../bytes/join.ts';
import { fromHex, hex } from '../../bytes/hex.ts';
import { utf8 } from '../../bytes/utf8.ts';
import { encapsulate } from './kem.ts';
import { nobleCrypto } from './noble.ts';
import { isPoint, pointOf, spkiOf } from './point.ts';
import type { Bytes } from './provider.ts';
import { sivOpen, sivSeal } from './siv.ts';
import { webCrypto } from './webcrypto.ts';

const vectors = <T>(name: string): T[] =>
  (JSON.parse(readFileSync(`test/vectors/published/${name}.json`, 'utf8')) as { cases: T[] }).cases;
const bytes = (text: string): Bytes => fromHex(text)!;

const withoutSubtle = { getRandomValues: crypto.getRandomValues.bind(crypto) };
const web = webCrypto();
const noble = nobleCrypto(withoutSubtle);
const providers = [web, noble] as const;

describe.each(providers.map((provider) => [provider.name, provider] as const))('%s', (_name, provider) => {
  it('derives what RFC 5869 says', async () => {
    for (const v of vectors<{ ikm: string; salt: string; info: string; length: number; okm: string }>('hkdf-sha256'))
      expect(hex(await provider.hkdf(bytes(v.ikm), bytes(v.salt), bytes(v.info), v.length))).toBe(v.okm);
  });

  it('judges every ECDSA edge case as Wycheproof does', async () => {
    type Case = { id: number; key: string; message: string; signature: string; valid: boolean };
    for (const v of vectors<Case>('ecdsa-p256'))
      expect(await provider.verify(bytes(v.key), bytes(v.message), bytes(v.signature)), `case ${v.id}`).toBe(v.valid);
  });

  it('agrees with every valid ECDH case and refuses every encoding that is not an uncompressed point', async () => {
    type Case = { id: number; key: string; scalar: string; shared: string; result: string };
    for (const v of vectors<Case>('ecdh-p256')) {
      const scalar = bytes(v.scalar.padStart(64, '0').slice(-64));
      const publicKey = (await import('@noble/curves/nist.js')).p256.getPublicKey(scalar, false) as Bytes;
      const key = await provider.restoreAgreementKey({ kind: 'scalar', scalar, publicKey });
      const shared = await key.agree(bytes(v.key));
      const expected = v.result === 'valid' && v.key.length === 130 ? v.shared : null;
      expect(shared && hex(shared), `case ${v.id}`).toBe(expected);
    }
  });

  it('wraps as RFC 5297 and Wycheproof say, and unwraps nothing else', async () => {
    type Case = { id: number; key: string; data: string[]; plaintext: string; sealed: string; valid: boolean };
    for (const v of vectors<Case>('aes-siv')) {
      const [key, data] = [bytes(v.key), v.data.map(bytes)];
      const opened = sivOpen(key, data, bytes(v.sealed));
      expect(opened && hex(opened), `case ${v.id}`).toBe(v.valid ? v.plaintext : null);
      const sealed = hex(sivSeal(key, data, bytes(v.plaintext)));
      expect(sealed === v.sealed, `case ${v.id}`).toBe(v.valid);
    }
  });

  it('answers the known answers of ML-KEM-768, also for a wrong ciphertext', async () => {
    type Case = Record<
      'seed' | 'message' | 'publicKey' | 'ciphertext' | 'secret' | 'wrongCiphertext' | 'wrongSecret',
      string
    >;
    for (const v of vectors<Case>('ml-kem-768')) {
      const key = await provider.restoreKem(bytes(v.seed));
      expect(hex(key.publicKey)).toBe(v.publicKey);
      const made = await encapsulate(key.publicKey, bytes(v.message));
      expect([hex(made!.ciphertext), hex(made!.secret)]).toEqual([v.ciphertext, v.secret]);
      expect(hex((await provider.decapsulate(key, bytes(v.ciphertext)))!)).toBe(v.secret);
      expect(hex((await provider.decapsulate(key, bytes(v.wrongCiphertext)))!)).toBe(v.wrongSecret);
    }
    for (const { publicKey } of vectors<{ publicKey: string }>('ml-kem-768-keys'))
      expect(await provider.encapsulate(bytes(publicKey))).toBeNull();
    const key = await provider.generateKem();
    expect(await provider.decapsulate(key, new Uint8Array(1087))).toBeNull();
  });

  it('signs what both implementations verify, and restores a stored key', async () => {
    const key = await provider.generateSigningKey();
    const again = await provider.restoreSigningKey(key.stored!);
    const signature = await again.sign(utf8('message'));
    for (const other of providers) {
      expect(await other.verify(key.publicKey, utf8('message'), signature)).toBe(true);
      expect(await other.verify(key.publicKey, utf8('massage'), signature)).toBe(false);
      expect(
        await other.verify(
          key.publicKey.map((byte) => byte ^ 1),
          utf8('message'),
          signature,
        ),
      ).toBe(false);
    }
  });

  it('agrees across implementations, and no more once erased', async () => {
    const [mine, theirs] = [await provider.generateAgreementKey(), await noble.generateAgreementKey()];
    expect(await mine.agree(theirs.publicKey)).toEqual(await theirs.agree(mine.publicKey));
    const restored = await provider.restoreAgreementKey(mine.stored!);
    expect(await restored.agree(theirs.publicKey)).toEqual(await theirs.agree(mine.publicKey));
    restored.erase();
    expect(await restored.agree(theirs.publicKey)).toBeNull();
  });

  it('seals with GCM what the other opens, and opens nothing that was touched', async () => {
    const [key, nonce, data] = [provider.random(32), new Uint8Array(12), utf8('header')];
    const sealed = await provider.gcmSeal(key, nonce, data, utf8('secret'));
    for (const other of providers) {
      expect(await other.gcmOpen(key, nonce, data, sealed)).toEqual(utf8('secret'));
      expect(await other.gcmOpen(key, nonce, utf8('Header'), sealed)).toBeNull();
      expect(await other.gcmOpen(key, nonce, data, sealed.subarray(1))).toBeNull();
      expect(await other.gcmOpen(key, nonce, data, new Uint8Array(15))).toBeNull();
    }
    expect(await provider.hmacSha256(key, data)).toEqual(await noble.hmacSha256(key, data));
    expect(await provider.sha256(data)).toEqual(await noble.sha256(data));
  });

  it('wraps a seed under a key it can restore', async () => {
    const key = await provider.generateWrappingKey();
    const wrapped = await key.wrap(utf8('seed'));
    const again = await provider.restoreWrappingKey(key.stored);
    expect(await again.unwrap(wrapped)).toEqual(utf8('seed'));
    expect(await again.unwrap(concat(wrapped, Uint8Array.of(0)))).toBeNull();
    expect(await again.unwrap(wrapped.subarray(0, 20))).toBeNull();
  });
});

describe('keys at rest', () => {
  it('WebCrypto keys are non-extractable unless a store needs the scalar', async () => {
    for (const key of [await web.generateSigningKey(), await web.generateAgreementKey()]) {
      if (key.stored?.kind !== 'pair') throw new Error('expected a pair of CryptoKeys');
      expect(key.stored.pair.privateKey.extractable).toBe(false);
      await expect(crypto.subtle.exportKey('pkcs8', key.stored.pair.privateKey)).rejects.toThrow(/extractable/);
    }
    const exported = await web.generateAgreementKey({ exportable: true });
    const restored = await noble.restoreAgreementKey(exported.stored!);
    const peer = await web.generateAgreementKey();
    expect(await restored.agree(peer.publicKey)).toEqual(await peer.agree(exported.publicKey));
  });
});

describe('points', () => {
  it('a SubjectPublicKeyInfo is one encoding of one valid point', async () => {
    const { publicKey } = await web.generateSigningKey();
    expect(pointOf(spkiOf(publicKey))).toEqual(publicKey);
    const off = publicKey.slice();
    off[64]! ^= 1;
    expect(isPoint(off)).toBe(false);
    expect(pointOf(spkiOf(off))).toBeNull();
    expect(pointOf(concat(spkiOf(publicKey), Uint8Array.of(0)))).toBeNull();
  });
});
