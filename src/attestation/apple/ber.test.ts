import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as der from '../../../test/attestation/support/der.ts';
import { mutation } from '../../../test/attestation/support/mutate.ts';
import { readDer } from '../../bytes/der.ts';
import { fromHex, hex } from '../../bytes/hex.ts';
import { derFromBer } from './ber.ts';

const convert = (digits: string) => {
  const result = derFromBer(fromHex(digits)!);
  return result === null ? null : hex(result);
};

const sample = der.seq(
  der.oid('1.2.840.113549.1.7.2'),
  der.context(0, der.seq(der.int(1), der.setOf(der.nul()), der.octets(new Uint8Array(300)))),
  der.context(702, der.bool(true)),
);

describe('BER', () => {
  it('that is DER stays what it is', () => expect(hex(derFromBer(sample)!)).toBe(hex(sample)));

  it.each([
    ['an indefinite length', '30800201050201060000', '3006020105020106'],
    ['indefinite lengths in each other', '3080a080050000000000', '3004a0020500'],
    ['a string in pieces', '24800401aa0402bbcc0000', '0403aabbcc'],
    ['pieces in a definite string', '24070401aa0402bbcc', '0403aabbcc'],
    ['pieces in pieces', '248024030401aa0401bb0000', '0402aabb'],
    ['a long length', '30820003020105', '3003020105'],
    ['an empty string in no pieces', '24800000', '0400'],
  ])('with %s becomes DER', (_, ber, expected) => expect(convert(ber)).toBe(expected));

  it.each([
    ['no end of contents', '3080020105'],
    ['half an end of contents', '308002010500'],
    ['a primitive of indefinite length', '0480aa0000'],
    ['something else among the pieces', '24030201aa'],
    ['a byte after it', '02010500'],
    ['a length beyond the end', '300402'],
    ['a length of five bytes', '308500000000000000'],
    ['a tag that never ends', 'bfffffff'],
    ['nothing', ''],
  ])('with %s is refused', (_, ber) => expect(convert(ber)).toBeNull());

  it('is refused beyond its limits', () => {
    expect(derFromBer(sample, { size: sample.length - 1, depth: 20 })).toBeNull();
    expect(derFromBer(sample, { size: 1000, depth: 3 })).toBeNull();
    const deep = fromHex('3080'.repeat(100))!;
    expect(derFromBer(deep)).toBeNull();
  });

  it('no mutation throws, and what comes out of DER is the same DER', () => {
    fc.assert(
      fc.property(mutation(sample), (bytes) => {
        const out = derFromBer(bytes);
        expect(readDer(bytes) === null ? null : out).toEqual(readDer(bytes) === null ? null : bytes);
      }),
      { numRuns: 3000 },
    );
  });
});
