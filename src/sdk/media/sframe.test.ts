import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromHex, hex } from '../../bytes/hex.ts';
import { concat } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import { webCrypto } from '../crypto/webcrypto.ts';
import type { SFrameSuite } from './sframe.ts';
import {
  decodeSFrameHeader,
  deriveSFrameKey,
  encodeSFrameHeader,
  sframeAead,
  sframeReceiver,
  sframeSender,
} from './sframe.ts';

type Text<K extends string> = Record<K, string> & { cipher_suite: SFrameSuite };
const vectors = JSON.parse(readFileSync('test/vectors/published/sframe.json', 'utf8')) as {
  header: { kid: string; ctr: string; encoded: string }[];
  aes_ctr_hmac: Text<'key' | 'enc_key' | 'auth_key' | 'nonce' | 'aad' | 'pt' | 'ct'>[];
  sframe: (Text<'base_key' | 'sframe_key' | 'sframe_salt' | 'metadata' | 'nonce' | 'aad' | 'pt' | 'ct'> & {
    kid: number;
    ctr: number;
  })[];
};
const bytes = (text: string) => fromHex(text)!;
const suites: SFrameSuite[] = [1, 2, 3, 4, 5];

it('headers are those of RFC 9605, as far as numbers are safe integers; the others are refused', () => {
  const safe = vectors.header.filter(({ kid, ctr }) => [kid, ctr].every((n) => Number.isSafeInteger(Number(n))));
  expect(safe.length).toBeGreaterThan(150);
  for (const { kid, ctr, encoded } of safe) {
    expect(hex(encodeSFrameHeader(Number(kid), Number(ctr)))).toBe(encoded);
    const length = encoded.length / 2;
    expect(decodeSFrameHeader(bytes(`${encoded}ff`))).toEqual({ kid: Number(kid), counter: Number(ctr), length });
  }
  const others = vectors.header.filter((one) => !safe.includes(one));
  expect(others.map(({ encoded }) => decodeSFrameHeader(bytes(encoded))).filter((read) => read !== null)).toEqual([]);
});

it('a header has one form: no number longer than it need be, none cut off, none beyond 2^53', () => {
  for (const bad of ['', '8007', '0807', '9800', '08', '0f', '90ff', '900007', '0fffffffffffffffff'])
    expect(decodeSFrameHeader(bytes(bad))).toBeNull();
});

describe.each([webCrypto(), nobleCrypto()])('SFrame with $name', (crypto) => {
  it('has the AES-CTR-HMAC vectors of RFC 9605', async () => {
    for (const v of vectors.aes_ctr_hmac) {
      const aead = await sframeAead(crypto, v.cipher_suite, bytes(v.enc_key + v.auth_key));
      expect(hex(await aead.seal(bytes(v.nonce), bytes(v.aad), bytes(v.pt)))).toBe(v.ct);
      expect(hex((await aead.open(bytes(v.nonce), bytes(v.aad), bytes(v.ct)))!)).toBe(v.pt);
    }
  });

  it.each(vectors.sframe)('has the full vector of suite $cipher_suite', async (v) => {
    const derived = deriveSFrameKey(v.cipher_suite, v.kid, bytes(v.base_key));
    expect([hex(derived.key), hex(derived.salt)]).toEqual([v.sframe_key, v.sframe_salt]);
    const sender = await sframeSender(crypto, v.cipher_suite, v.kid, bytes(v.base_key), { firstCounter: v.ctr });
    expect(hex(await sender.seal(bytes(v.pt), bytes(v.metadata)))).toBe(v.ct);
    const receiver = sframeReceiver(crypto, v.cipher_suite);
    await receiver.add(v.kid, bytes(v.base_key));
    const opened = await receiver.open(bytes(v.ct), bytes(v.metadata));
    expect(opened.ok && hex(opened.frame)).toBe(v.pt);
  });

  it.each(suites)('suite %d opens a frame once, untouched, with its metadata, under its key', async (suite) => {
    const key = crypto.random(32);
    const sender = await sframeSender(crypto, suite, 9, key);
    const receiver = sframeReceiver(crypto, suite);
    const sealed = await sender.seal(utf8('a frame'), utf8('meta'));
    expect(await receiver.open(sealed, utf8('meta'))).toEqual({ ok: false, reason: 'unknown-key' });
    await receiver.add(9, key);
    for (let at = 0; at < sealed.length; at++) {
      const touched = sealed.map((byte, i) => (i === at ? byte ^ 1 : byte));
      expect((await receiver.open(touched, utf8('meta'))).ok).toBe(false);
    }
    expect(await receiver.open(sealed, utf8('Meta'))).toEqual({ ok: false, reason: 'unauthentic' });
    expect(await receiver.open(sealed, utf8('meta'))).toEqual({ ok: true, kid: 9, frame: utf8('a frame') });
    expect(await receiver.open(sealed, utf8('meta'))).toEqual({ ok: false, reason: 'replayed' });
    await receiver.add(9, key);
    expect(await receiver.open(sealed, utf8('meta'))).toEqual({ ok: false, reason: 'replayed' });
    receiver.remove(9);
    expect(await receiver.open(sealed, utf8('meta'))).toEqual({ ok: false, reason: 'unknown-key' });
  });

  it('gives the last frame that a key is for, and none after it', async () => {
    const sender = await sframeSender(crypto, 5, 1, crypto.random(32), { firstCounter: 2 ** 20 - 1, frames: 2 ** 20 });
    expect(decodeSFrameHeader(await sender.seal(utf8('last')))!.counter).toBe(2 ** 20 - 1);
    await expect(sender.seal(utf8('beyond'))).rejects.toThrow(RangeError);
    await expect(sender.seal(utf8('beyond'))).rejects.toThrow(RangeError);
  });

  it('never uses a counter twice, however calls interleave', async () => {
    const sender = await sframeSender(crypto, 5, 1, crypto.random(32));
    const frames = await Promise.all(Array.from({ length: 20 }, () => sender.seal(utf8('same'))));
    expect(new Set(frames.map((frame) => decodeSFrameHeader(frame)!.counter)).size).toBe(20);
    expect(sender.counter).toBe(20);
  });
});

it("does not take one sender's frame for another's, and no frame for one that is too short", async () => {
  const crypto = nobleCrypto();
  const [alice, bob] = [crypto.random(32), crypto.random(32)];
  const receiver = sframeReceiver(crypto, 4);
  await receiver.add(1, bob);
  const sealed = await (await sframeSender(crypto, 4, 1, alice)).seal(utf8('hello'));
  expect(await receiver.open(sealed)).toEqual({ ok: false, reason: 'unauthentic' });
  expect(await receiver.open(concat(Uint8Array.of(0x10)))).toEqual({ ok: false, reason: 'unauthentic' });
});
