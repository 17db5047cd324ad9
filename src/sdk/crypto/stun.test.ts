import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromHex, hex } from '../../bytes/hex.ts';
import { nobleCrypto } from './noble.ts';
import { authenticStun, decodeStun, encodeStun } from './stun.ts';

const crypto = nobleCrypto();
const vectors = JSON.parse(readFileSync('test/vectors/published/stun.json', 'utf8')) as {
  request: string;
  transaction: string;
  username: string;
};
const flip = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

describe('STUN framing', () => {
  it('reads the sample request of RFC 5769 and its fingerprint', () => {
    const message = decodeStun(fromHex(vectors.request)!)!;
    expect(hex(message.transaction)).toBe(vectors.transaction);
    expect(hex(message.attributes.get(6)!)).toBe(vectors.username);
    for (let at = 0; at < 108; at++) expect(decodeStun(flip(fromHex(vectors.request)!, at)), `byte ${at}`).toBeNull();
  });

  it('authenticates what it wrote under its key, and nothing under another', async () => {
    const [key, transaction] = [crypto.random(32), crypto.random(12)];
    const attributes = [[0xc5c3, new Uint8Array(5).fill(7)]] as const;
    const bytes = await encodeStun(crypto, key, { type: 1, transaction, attributes });
    const message = decodeStun(bytes)!;
    expect(message.attributes.get(0xc5c3)).toEqual(attributes[0][1]);
    expect(await authenticStun(crypto, key, message)).toBe(true);
    expect(await authenticStun(crypto, crypto.random(32), message)).toBe(false);
  });

  it('does not count attributes behind the integrity, and takes a message without one as unauthentic', async () => {
    const message = decodeStun(fromHex(vectors.request)!)!;
    expect(message.integrity).toBeNull();
    expect(await authenticStun(crypto, new Uint8Array(32), message)).toBe(false);
  });

  it('refuses lengths that lie', () => {
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array(27),
      new Uint8Array(516),
      fromHex(vectors.request)!.slice(4),
    ])
      expect(decodeStun(bytes)).toBeNull();
  });
});
