import { Crypto as PeculiarCrypto } from '@peculiar/webcrypto';
import { describe, expect, it } from 'vitest';
import { hex } from '../../src/bytes/hex.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import { webCrypto } from '../../src/sdk/crypto/webcrypto.ts';

/** The provider on a second, independent implementation of WebCrypto: what one makes the other takes. */
const native = webCrypto();
const second = webCrypto(new PeculiarCrypto());

describe.each([
  ['native to second', native, second],
  ['second to native', second, native],
])('%s', (_, one, other) => {
  it('signatures verify, and not over another message', async () => {
    const key = await one.generateSigningKey();
    const signature = await key.sign(utf8('message'));
    expect(await other.verify(key.publicKey, utf8('message'), signature)).toBe(true);
    expect(await other.verify(key.publicKey, utf8('massage'), signature)).toBe(false);
  });

  it('key agreement has one result', async () => {
    const [ours, theirs] = [await one.generateAgreementKey(), await other.generateAgreementKey()];
    expect(hex((await ours.agree(theirs.publicKey))!)).toBe(hex((await theirs.agree(ours.publicKey))!));
  });

  it('digests, MACs and derived keys are equal', async () => {
    const data = one.random(50);
    expect(hex(await one.sha256(data))).toBe(hex(await other.sha256(data)));
    expect(hex(await one.hmacSha256(data, data))).toBe(hex(await other.hmacSha256(data, data)));
    const derive = (provider: typeof one) => provider.hkdf(data, utf8('salt'), utf8('info'), 77);
    expect(hex(await derive(one))).toBe(hex(await derive(other)));
  });

  it('what is sealed opens, and not when one bit changed', async () => {
    const [key, nonce] = [one.random(32), one.random(12)];
    const sealed = await one.gcmSeal(key, nonce, utf8('data'), utf8('secret'));
    expect(await other.gcmOpen(key, nonce, utf8('data'), sealed)).toEqual(utf8('secret'));
    sealed[0]! ^= 1;
    expect(await other.gcmOpen(key, nonce, utf8('data'), sealed)).toBeNull();
  });
});
