import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, hex } from '../../bytes/hex.ts';
import { concat, u16, u32 } from '../../bytes/join.ts';
import { hashByName } from './algorithms.ts';
import { readAttest, TPM_GENERATED } from './attest.ts';
import { ATTRIBUTE, attributeNames, attributes, has, hasNone } from './attributes.ts';
import { nameOf, qualifiedName } from './name.ts';
import { encodePcrSelections, readPcrSelections } from './pcr.ts';
import type { PublicArea } from './public.ts';
import { encodePublic, readPublic } from './public.ts';
import { TpmReader } from './reader.ts';
import { readSignature, verifyTpmSignature } from './signature.ts';
import { fromTpm2b, tpm2b } from './sized.ts';
import { spkiOf } from './spki.ts';
import { EK_TEMPLATES, ekTemplateOf } from './templates.ts';

const SIGNING: PublicArea = {
  nameAlg: 'sha256',
  attributes: attributes('fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'userWithAuth', 'noDA', 'sign'),
  authPolicy: new Uint8Array(0),
  symmetric: null,
  scheme: { name: 'ecdsa', hash: 'sha256' },
  key: { type: 'ecc', curve: 'P-256', kdf: null, x: new Uint8Array(32).fill(7), y: new Uint8Array(32).fill(9) },
};
const RSA: PublicArea = {
  ...SIGNING,
  scheme: { name: 'rsassa', hash: 'sha256' },
  key: { type: 'rsa', bits: 2048, exponent: 65537, modulus: new Uint8Array(256).fill(0xc3) },
};

const clock = concat(u32(1), u32(2), u32(3), u32(4), new Uint8Array([1]), u32(5), u32(6));
const CERTIFY = concat(
  u32(TPM_GENERATED),
  u16(0x8017),
  tpm2b(SIGNING.authPolicy),
  tpm2b(u32(9)),
  clock,
  tpm2b(u16(1)),
  tpm2b(u16(2)),
);
const SELECTION = encodePcrSelections([{ bank: 'sha256', indices: [0, 7, 23] }]);
const QUOTE = concat(u32(TPM_GENERATED), u16(0x8018), tpm2b(u16(3)), tpm2b(u32(9)), clock, SELECTION, tpm2b(u16(2)));
const ECDSA = concat(u16(0x18), u16(0x0b), tpm2b(new Uint8Array(32).fill(1)), tpm2b(new Uint8Array(32).fill(2)));
const RSASSA = concat(u16(0x14), u16(0x0b), tpm2b(new Uint8Array(256).fill(1)));

const READERS = [
  { name: 'TPMT_PUBLIC (ECC)', read: readPublic, sample: encodePublic(SIGNING) },
  { name: 'TPMT_PUBLIC (RSA)', read: readPublic, sample: encodePublic(RSA) },
  { name: 'TPMS_ATTEST (certify)', read: readAttest, sample: CERTIFY },
  { name: 'TPMS_ATTEST (quote)', read: readAttest, sample: QUOTE },
  { name: 'TPMT_SIGNATURE (ECDSA)', read: readSignature, sample: ECDSA },
  { name: 'TPMT_SIGNATURE (RSASSA)', read: readSignature, sample: RSASSA },
  { name: 'TPM2B', read: fromTpm2b, sample: tpm2b(u32(7)) },
];

describe.each(READERS)('$name', ({ read, sample }) => {
  it('is read', () => expect(read(sample)).not.toBeNull());

  it('with a trailing byte is malformed', () => expect(read(concat(sample, new Uint8Array(1)))).toBeNull());

  it('cut at any byte is malformed', () => {
    for (let length = 0; length < sample.length; length++) expect(read(sample.slice(0, length))).toBeNull();
  });

  it('never throws, whatever is flipped, cut or inserted', () => {
    const mutation = fc.record({ at: fc.nat(sample.length), cut: fc.nat(4), put: fc.uint8Array({ maxLength: 6 }) });
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
        let bytes: Uint8Array = sample;
        for (const { at, cut, put } of mutations) bytes = concat(bytes.slice(0, at), put, bytes.slice(at + cut));
        read(bytes);
      }),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void read(bytes)),
      { numRuns: 1000 },
    );
  });
});

describe('public areas', () => {
  it('come back from their encoding', () => {
    for (const area of [SIGNING, RSA]) expect(readPublic(encodePublic(area))).toMatchObject(area);
  });

  it('whatever is read encodes to the same bytes again', () => {
    const area = encodePublic(SIGNING);
    fc.assert(
      fc.property(fc.nat(area.length - 1), fc.nat(255), (at, value) => {
        const changed = area.map((byte, i) => (i === at ? value : byte));
        const read = readPublic(changed);
        expect(hex(read ? encodePublic(read) : changed)).toBe(hex(changed));
      }),
      { numRuns: 3000 },
    );
  });

  it.each([0, 3, 12, 13, 14, 15, 20, 31])('with reserved attribute bit %i set are malformed', (bit) => {
    expect(readPublic(encodePublic({ ...SIGNING, attributes: SIGNING.attributes | (1 << bit) }))).toBeNull();
  });

  it('with a modulus shorter than its key size are malformed', () => {
    for (const modulus of [new Uint8Array(255).fill(0xc3), new Uint8Array(256).fill(0x43)]) {
      expect(
        readPublic(encodePublic({ ...RSA, key: { type: 'rsa', bits: 2048, exponent: 65537, modulus } })),
      ).toBeNull();
    }
  });

  it('with a policy that is no digest of nameAlg are malformed', () => {
    expect(readPublic(encodePublic({ ...SIGNING, authPolicy: new Uint8Array(20) }))).toBeNull();
  });

  it('of storage keys and of every scheme come back', () => {
    const storage: PublicArea = { ...SIGNING, symmetric: 256, scheme: null };
    const schemes: PublicArea[] = [
      { ...RSA, scheme: { name: 'rsaes', hash: null } },
      { ...RSA, scheme: { name: 'oaep', hash: 'sha384' } },
      { ...SIGNING, scheme: { name: 'ecdh', hash: 'sha256' } },
      { ...SIGNING, key: { ...SIGNING.key, kdf: { id: 0x20, hash: 'sha256' } } as PublicArea['key'] },
    ];
    for (const area of [storage, ...schemes]) expect(readPublic(encodePublic(area))).toMatchObject(area);
  });

  it.each([
    ['another cipher than AES', 0, 0x13],
    ['another key size', 2, 0x00],
    ['another mode than CFB', 4, 0x40],
  ])('of storage keys with %s are malformed', (_, offset, value) => {
    const bytes = encodePublic({ ...SIGNING, symmetric: 128 });
    const symmetric = 2 + 2 + 4 + 2;
    expect(readPublic(bytes)).not.toBeNull();
    expect(readPublic(bytes.with(symmetric + offset + 1, value))).toBeNull();
  });

  it('with a scheme of the other key type are malformed', () => {
    expect(readPublic(encodePublic({ ...SIGNING, scheme: { name: 'rsassa', hash: 'sha256' } }))).toBeNull();
  });

  it('leave leading zeros of a coordinate out or not: the key is the same', () => {
    const x = concat(new Uint8Array(1), new Uint8Array(31).fill(7));
    const key = { ...SIGNING.key, x } as PublicArea['key'];
    const short = { ...key, x: x.slice(1) } as PublicArea['key'];
    expect(hex(spkiOf(short))).toBe(hex(spkiOf(key)));
    expect(readPublic(encodePublic({ ...SIGNING, key: short }))).not.toBeNull();
  });
});

describe('object attributes', () => {
  it('sit where Part 2 §8.3 puts them', () => {
    expect(ATTRIBUTE.fixedTPM).toBe(1 << 1);
    expect(ATTRIBUTE.sign).toBe(1 << 18);
    expect(attributeNames(0x00060472)).toEqual([
      'fixedTPM',
      'fixedParent',
      'sensitiveDataOrigin',
      'userWithAuth',
      'noDA',
      'decrypt',
      'sign',
    ]);
    expect(has(0x00050472, 'restricted', 'sign')).toBe(true);
    expect(hasNone(0x00050472, 'decrypt')).toBe(true);
  });
});

describe('names', () => {
  it('hash the public area with its own nameAlg', () => {
    const area = { ...SIGNING, nameAlg: 'sha384' as const };
    const encoded = encodePublic(area);
    expect(hex(nameOf({ ...area, encoded }))).toBe(`000c${hex(hashByName('sha384').digest(encoded))}`);
  });

  it('of another hierarchy are qualified otherwise', () => {
    const read = readPublic(encodePublic(SIGNING))!;
    expect(hex(qualifiedName(read, u32(0x40000001)))).not.toBe(hex(qualifiedName(read, u32(0x4000000b))));
  });
});

describe('PCR selections', () => {
  it('come back', () => {
    const indices = fc.uniqueArray(fc.nat(23)).map((list) => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(
        fc.array(fc.record({ bank: fc.constantFrom('sha1', 'sha256'), indices }), { maxLength: 4 }),
        (list) => {
          expect(readPcrSelections(new TpmReader(encodePcrSelections(list as never)))).toEqual(list);
        },
      ),
    );
  });
});

describe('endorsement key templates', () => {
  it('recognize their own shape and nothing near it', () => {
    for (const { name, area } of EK_TEMPLATES) {
      expect(ekTemplateOf(area)?.name).toBe(name);
      expect(ekTemplateOf({ ...area, attributes: area.attributes ^ ATTRIBUTE.restricted })).toBeNull();
      expect(ekTemplateOf({ ...area, authPolicy: new Uint8Array(area.authPolicy.length) })).toBeNull();
      expect(ekTemplateOf({ ...area, symmetric: 192 })).toBeNull();
    }
  });

  it('carry the policies that their definitions compute to (annexes B.3 and B.6)', () => {
    const authorizeNv = {
      sha256: '3767e2edd43ff45a3a7e1eaefcef78643dca964632e7aad82c673a30d8633fde',
      sha384: 'd6032ce61f2fb3c240eb3cf6a33237ef2b6a16f4293c22b455e261cffd217ad5b4947c2d73e63005eed2dc2b3593d165',
      sha512:
        '589ee1e146544716e8deafe6db247b01b81e9f9c7dd16b814aa159138749105fba5388dd1dea702f35240c184933121e2c61b8f50d3ef91393a49a38c3f73fc8',
    };
    const ENDORSEMENT = fromHex('4000000b')!;
    for (const name of ['sha256', 'sha384', 'sha512'] as const) {
      const { digest, size } = hashByName(name);
      const secret = digest(digest(concat(new Uint8Array(size), u32(0x151), ENDORSEMENT)));
      const either = digest(concat(new Uint8Array(size), u32(0x171), secret, fromHex(authorizeNv[name])!));
      const used = EK_TEMPLATES.filter(({ name: id, area }) => id.startsWith('H') && area.nameAlg === name);
      expect(used.length).toBeGreaterThan(0);
      for (const { area } of used) expect(hex(area.authPolicy)).toBe(hex(either));
      const low = EK_TEMPLATES.filter(({ name: id, area }) => id.startsWith('L') && area.nameAlg === name);
      for (const { area } of low) expect(hex(area.authPolicy)).toBe(hex(secret));
    }
  });
});

describe('signatures', () => {
  const signature = readSignature(ECDSA)!;

  it('under a key that is no point of its curve are invalid, not an exception', async () => {
    expect(await verifyTpmSignature(signature, SIGNING, new Uint8Array(1))).toEqual({
      ok: false,
      reason: 'signature-invalid',
    });
  });

  it('of another scheme or hash than the key was made with are a mismatch', async () => {
    const mismatch = { ok: false, reason: 'signature-algorithm' };
    const other: PublicArea = { ...SIGNING, scheme: { name: 'ecdsa', hash: 'sha384' } };
    expect(await verifyTpmSignature(signature, other, new Uint8Array(1))).toEqual(mismatch);
    expect(await verifyTpmSignature(signature, { ...RSA, scheme: null }, new Uint8Array(1))).toEqual(mismatch);
  });
});
