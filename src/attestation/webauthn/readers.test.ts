import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cbor, type CborKey, encodeCbor } from '../../bytes/cbor.ts';
import { fromHex } from '../../bytes/hex.ts';
import { concat } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';
import { aaguidText, readAuthenticatorData, readAuthenticatorHeader } from './authenticator-data.ts';
import { readClientData } from './client-data.ts';
import { readCoseKey } from './cose-key.ts';

async function coseOf(name: 'P-256' | 'P-384' | 'P-521', algorithm: number, curve: number) {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: name }, true, ['sign', 'verify']);
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const half = (raw.length - 1) / 2;
  const cose = new Map<CborKey, Cbor>([
    [1, 2],
    [3, algorithm],
    [-1, curve],
    [-2, raw.slice(1, 1 + half)],
    [-3, raw.slice(1 + half)],
  ]);
  return { cose, spki: new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey)) };
}

const MALFORMED = { ok: false, reason: 'malformed' };

describe('COSE keys', () => {
  it.each([
    ['P-256', -7, 1],
    ['P-256', -9, 1],
    ['P-384', -35, 2],
    ['P-521', -36, 3],
  ] as const)(
    '%s with algorithm %i gives the SubjectPublicKeyInfo that WebCrypto exports',
    async (name, algorithm, curve) => {
      const { cose, spki } = await coseOf(name, algorithm, curve);
      expect(readCoseKey(cose)).toEqual({ ok: true, algorithm, spki });
    },
  );

  it('RSA gives the SubjectPublicKeyInfo that WebCrypto exports', async () => {
    const pair = await crypto.subtle.generateKey(
      { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
      true,
      ['sign', 'verify'],
    );
    const jwk = await crypto.subtle.exportKey('jwk', pair.publicKey);
    const n = new Uint8Array(Buffer.from(jwk.n!, 'base64url'));
    const cose = new Map<CborKey, Cbor>([
      [1, 3],
      [3, -257],
      [-1, n],
      [-2, new Uint8Array([1, 0, 1])],
    ]);
    const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey));
    expect(readCoseKey(cose)).toEqual({ ok: true, algorithm: -257, spki });
    expect(readCoseKey(new Map(cose).set(-1, concat(new Uint8Array([0]), n)))).toEqual(MALFORMED);
    expect(readCoseKey(new Map(cose).set(3, -65535))).toEqual({ ok: false, reason: 'signature-algorithm' });
  });

  it('Ed25519 gives the SubjectPublicKeyInfo that WebCrypto exports', async () => {
    const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
    const x = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
    const cose = new Map<CborKey, Cbor>([
      [1, 1],
      [3, -8],
      [-1, 6],
      [-2, x],
    ]);
    const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey));
    expect(readCoseKey(cose)).toEqual({ ok: true, algorithm: -8, spki });
  });

  it('refuses a curve that is not the algorithm’s, a short coordinate, a compressed point and further members', async () => {
    const { cose } = await coseOf('P-256', -7, 1);
    expect(readCoseKey(new Map(cose).set(3, -35))).toEqual(MALFORMED);
    expect(readCoseKey(new Map(cose).set(-1, 2))).toEqual(MALFORMED);
    expect(readCoseKey(new Map(cose).set(-2, new Uint8Array(31)))).toEqual(MALFORMED);
    expect(readCoseKey(new Map(cose).set(-3, true))).toEqual(MALFORMED);
    expect(readCoseKey(new Map(cose).set(2, new Uint8Array(1)))).toEqual(MALFORMED);
    expect(readCoseKey(new Map(cose).set(1, 'OKP'))).toEqual(MALFORMED);
  });

  it('knows the algorithms that it cannot verify by their own reason', () => {
    const ed448 = new Map<CborKey, Cbor>([
      [1, 1],
      [3, -8],
      [-1, 7],
      [-2, new Uint8Array(57)],
    ]);
    const mlDsa = new Map<CborKey, Cbor>([
      [1, 7],
      [3, -48],
      [-1, new Uint8Array(1312)],
    ]);
    for (const key of [ed448, mlDsa]) expect(readCoseKey(key)).toEqual({ ok: false, reason: 'algorithm-unavailable' });
  });
});

describe('authenticator data', () => {
  const header = (flags: number) => concat(new Uint8Array(32).fill(7), new Uint8Array([flags, 0, 0, 1, 2]));
  const key = new Map<CborKey, Cbor>([
    [1, 2],
    [3, -7],
  ]);
  const attested = (idLength: number) =>
    concat(
      new Uint8Array(16).fill(0xab),
      new Uint8Array([idLength >> 8, idLength & 255]),
      new Uint8Array(idLength),
      encodeCbor(key),
    );

  it('reads what the flags announce', () => {
    const extensions = new Map([['credProtect', 2]]);
    const data = readAuthenticatorData(concat(header(0xdd), attested(20), encodeCbor(extensions)));
    expect(data?.flags).toEqual({
      userPresent: true,
      userVerified: true,
      backupEligible: true,
      backedUp: true,
      attestedData: true,
      extensions: true,
    });
    expect(data?.signCount).toBe(258);
    expect(data?.credential?.credentialId).toHaveLength(20);
    expect(data?.credential?.publicKey).toEqual(key);
    expect(data?.extensionData).toEqual(extensions);
    expect(aaguidText(data!.credential!.aaguid)).toBe('abababab-abab-abab-abab-abababababab');
  });

  it('refuses bytes that no flag announces, announced data that is missing, and an id over 1023 bytes', () => {
    expect(readAuthenticatorData(header(0x01))).not.toBeNull();
    expect(readAuthenticatorData(concat(header(0x01), new Uint8Array(1)))).toBeNull();
    expect(readAuthenticatorData(header(0x41))).toBeNull();
    expect(readAuthenticatorData(header(0x81))).toBeNull();
    expect(readAuthenticatorData(concat(header(0x81), encodeCbor([1])))).toBeNull();
    expect(readAuthenticatorData(concat(header(0x41), attested(1023)))).not.toBeNull();
    expect(readAuthenticatorData(concat(header(0x41), attested(1024)))).toBeNull();
    expect(readAuthenticatorHeader(header(0x41).subarray(0, 36))).toBeNull();
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => void readAuthenticatorData(bytes)));
  });
});

describe('client data', () => {
  const read = (text: string) => readClientData(utf8(text));
  const plain = '"type":"webauthn.create","challenge":"AA","origin":"https://a.example"';

  it('reads the members that decide something', () => {
    expect(read(`{${plain}}`)).toEqual({
      type: 'webauthn.create',
      challenge: 'AA',
      origin: 'https://a.example',
      crossOrigin: false,
      topOrigin: null,
    });
    expect(read(`{${plain},"crossOrigin":true,"topOrigin":"https://b.example","hint":{"type":[1]}}`)).toMatchObject({
      crossOrigin: true,
      topOrigin: 'https://b.example',
    });
  });

  it.each([
    ['a member twice', `{${plain},"type":"webauthn.get"}`],
    ['a member twice, once escaped', `{${plain},"\\u0074ype":"webauthn.get"}`],
    ['an array', `[${plain}]`],
    ['a number as type', '{"type":1,"challenge":"AA","origin":"https://a.example"}'],
    ['crossOrigin as text', `{${plain},"crossOrigin":"true"}`],
    ['topOrigin as number', `{${plain},"topOrigin":1}`],
    ['no origin', '{"type":"webauthn.create","challenge":"AA"}'],
    ['text after the object', `{${plain}}x`],
    ['a byte order mark', `\ufeff{${plain}}`],
    ['too much', `{${plain},"x":"${'x'.repeat(8192)}"}`],
  ])('refuses %s', (_, text) => expect(read(text)).toBeNull());

  it('refuses bytes that are not UTF-8', () => {
    expect(readClientData(concat(utf8(`{${plain},"x":"`), fromHex('ff')!, utf8('"}')))).toBeNull();
  });
});
