import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64url, fromBase64url } from './base64url.ts';
import { fromHex, hex } from './hex.ts';
import { compare, equal, lp } from './join.ts';
import { fromUtf8, utf8 } from './utf8.ts';

const bytes = fc.uint8Array({ maxLength: 80 });

describe('base64url', () => {
  it('agrees with Buffer and comes back', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(base64url(value)).toBe(Buffer.from(value).toString('base64url'));
        expect(fromBase64url(base64url(value))).toEqual(value);
      }),
    );
  });

  it.each(['A', 'AAAAA', 'AB', 'AAB', 'AA==', 'AA\n', '+/+/', 'AA A', 'é_', 'AAA='])(
    'refuses %j: not the canonical text of any value',
    (text) => {
      expect(fromBase64url(text)).toBeNull();
    },
  );
});

describe('hex', () => {
  it('comes back', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(fromHex(hex(value))).toEqual(value);
      }),
    );
  });

  it.each(['0', 'AA', 'zz', ' 00'])('refuses %j', (text) => expect(fromHex(text)).toBeNull());
});

describe('utf8', () => {
  it('comes back, and refuses overlong forms, surrogates and truncation', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(fromUtf8(utf8(text))).toBe(text);
      }),
    );
    for (const bad of ['c080', 'eda080', 'e282', 'ff']) expect(fromUtf8(fromHex(bad)!)).toBeNull();
    expect(fromUtf8(fromHex('efbbbf41')!)).toBe('\ufeffA');
  });
});

describe('joining', () => {
  it('lp is a big-endian u32 length and the bytes', () => expect(hex(lp(utf8('ab')))).toBe('000000026162'));

  it('equal and compare agree, and compare orders like Buffer', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(equal(a, b)).toBe(compare(a, b) === 0);
        expect(Math.sign(compare(a, b))).toBe(Buffer.compare(a, b));
      }),
    );
  });
});
