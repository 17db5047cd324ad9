import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CBOR_LIMITS, type Cbor, encodeCbor, readCbor, readCborItem } from './cbor.ts';
import { fromHex, hex } from './hex.ts';
import { concat } from './join.ts';

const read = (text: string) => readCbor(fromHex(text)!);

const leaf = fc.oneof(
  fc.maxSafeInteger(),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.uint8Array({ maxLength: 300 }),
  fc.boolean(),
);
const key = fc.oneof(fc.integer({ min: -70_000, max: 70_000 }), fc.string({ maxLength: 30 }));
const value = fc.letrec<{ value: Cbor }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf as fc.Arbitrary<Cbor>,
    fc.array(tie('value'), { maxLength: 6 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 6 }).map((entries) => new Map(entries)),
  ),
})).value;

describe('canonical CBOR', () => {
  it('comes back as it was written, alone and before other bytes', () => {
    fc.assert(
      fc.property(value, fc.uint8Array({ maxLength: 5 }), (written, tail) => {
        const bytes = encodeCbor(written);
        expect(readCbor(bytes)).toEqual(written);
        expect(readCborItem(concat(bytes, tail))).toEqual({ value: written, length: bytes.length });
      }),
    );
  });

  it('has one encoding per value: whatever is read encodes to the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const item = readCbor(bytes);
        expect(item === null || hex(encodeCbor(item)) === hex(bytes)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['1817', 'a number that fits a shorter head'],
    ['190018', 'a two-byte number that fits one'],
    ['1a00000018', 'a four-byte number that fits one'],
    ['1b0000000000000018', 'an eight-byte number that fits one'],
    ['1b0020000000000000', 'a number beyond 2^53 - 1'],
    ['3b001fffffffffffff', 'a negative number beyond -(2^53 - 1)'],
    ['5f4101ff', 'an indefinite byte string'],
    ['7f6161ff', 'an indefinite text'],
    ['9f01ff', 'an indefinite array'],
    ['bf6161f5ff', 'an indefinite map'],
    ['5801', 'a truncated byte string'],
    ['580101', 'a length in a longer head than needed'],
    ['62c328', 'text that is not UTF-8'],
    ['c074', 'a tag'],
    ['f97e00', 'a half float'],
    ['fb7ff8000000000000', 'a double'],
    ['f7', 'undefined'],
    ['f820', 'an unassigned simple value'],
    ['a201010102', 'the same key twice'],
    ['a202010101', 'keys out of order'],
    ['a2616201616101', 'text keys out of order'],
    ['a262616101616201', 'a longer key before a shorter one'],
    ['a220010101', 'a negative key before a positive one'],
    ['a1410101', 'a byte string as key'],
    ['a1f501', 'a boolean as key'],
    ['0100', 'trailing bytes'],
    ['1c', 'a reserved head'],
    ['', 'nothing'],
    ['f6', 'a lone null'],
    ['9bffffffffffffffff', 'an array longer than memory'],
    ['ba7fffffff', 'a map longer than the input'],
  ])('does not read %s: %s', (text) => expect(read(text)).toBeNull());

  it('bounds depth, items and bytes', () => {
    expect(read(`${'81'.repeat(8)}01`)).not.toBeNull();
    expect(read(`${'81'.repeat(9)}01`)).toBeNull();
    expect(read(`990800${'01'.repeat(2048)}`)).toBeNull();
    expect(readCbor(encodeCbor(new Uint8Array(65_536)))).toBeNull();
    expect(readCbor(new Uint8Array([1, 2]), { ...CBOR_LIMITS, bytes: 1 })).toBeNull();
  });

  it('takes keys in any order where asked to, each still once', () => {
    const any = { ...CBOR_LIMITS, keyOrder: 'any' } as const;
    expect(readCbor(fromHex('a202010101')!, any)).toEqual(
      new Map([
        [2, 1],
        [1, 1],
      ]),
    );
    expect(readCbor(fromHex('a3020101010203')!, any)).toBeNull();
  });
});
