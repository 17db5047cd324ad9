import { afterEach, expect, it, vi } from 'vitest';
import { base64url } from '../../bytes/base64url.ts';
import { utf8 } from '../../bytes/utf8.ts';
import { SeenTokens } from './seen-tokens.ts';

const ES256 = { name: 'ECDSA', hash: 'SHA-256' };

async function signer() {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const key = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey));
  const token = async (claims: object): Promise<string> => {
    const input = [{ alg: 'ES256' }, claims].map((part) => base64url(utf8(JSON.stringify(part)))).join('.');
    return `${input}.${base64url(new Uint8Array(await crypto.subtle.sign(ES256, pair.privateKey, utf8(input))))}`;
  };
  return { key, token };
}

afterEach(() => vi.restoreAllMocks());

it('verifies a token once, and gives its payload each time', async () => {
  const { key, token } = await signer();
  const seen = new SeenTokens();
  const verified = vi.spyOn(crypto.subtle, 'verify');
  const one = await token({ n: 1 });
  for (let times = 0; times < 3; times++) expect(await seen.payload(one, key)).toEqual({ n: 1 });
  expect(verified).toHaveBeenCalledTimes(1);
});

it('takes no token for signed because another key signed it, or because its beginning is known', async () => {
  const [ours, other] = [await signer(), await signer()];
  const seen = new SeenTokens();
  const one = await ours.token({ n: 1 });
  const two = await ours.token({ n: 2 });
  expect(await seen.payload(one, ours.key)).toEqual({ n: 1 });
  expect(await seen.payload(one, other.key)).toBeNull();
  const [head, , signature] = one.split('.');
  expect(await seen.payload([head, two.split('.')[1], signature].join('.'), ours.key)).toBeNull();
});

it('remembers no token that was refused, and of the others so many as it may', async () => {
  const [{ key, token }, other] = [await signer(), await signer()];
  const seen = new SeenTokens(2);
  expect(await seen.payload(await other.token({}), key)).toBeNull();
  expect(seen.size).toBe(0);
  const [first, second, third] = [await token({ n: 1 }), await token({ n: 2 }), await token({ n: 3 })];
  for (const one of [first, second, first, third]) await seen.payload(one, key);
  expect(seen.size).toBe(2);
  const verified = vi.spyOn(crypto.subtle, 'verify');
  await seen.payload(first, key);
  await seen.payload(third, key);
  expect(verified).not.toHaveBeenCalled();
});
