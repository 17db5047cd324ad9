import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base32, fromBase32 } from './base32.ts';
import { canonicalJson, parseCanonicalJson } from './jcs.ts';
import { utf8 } from './utf8.ts';

describe('base32', () => {
  it.each([
    ['', ''],
    ['f', 'my'],
    ['fo', 'mzxq'],
    ['foo', 'mzxw6'],
    ['foob', 'mzxw6yq'],
    ['fooba', 'mzxw6ytb'],
    ['foobar', 'mzxw6ytboi'],
  ])('writes %j as %j (RFC 4648 §10)', (text, expected) => expect(base32(utf8(text))).toBe(expected));

  it('comes back, and has one text per value', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (value) => {
        expect(fromBase32(base32(value))).toEqual(value);
      }),
    );
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'b', 'c', '2', '7', 'z', 'Z', '1', '='), maxLength: 20 }),
        (text) => {
          const value = fromBase32(text);
          expect(value === null || base32(value) === text).toBe(true);
        },
      ),
    );
  });

  it.each(['m', 'mz', 'mzx', 'MY', 'my======', 'mzxw6y', '0', 'mzxw6yt'])('refuses %j', (text) =>
    expect(fromBase32(text)).toBeNull(),
  );
});

describe('canonical JSON', () => {
  it('sorts names by UTF-16 code unit and escapes as RFC 8785 §3.2.2.2 says', () => {
    const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 };
    expect(canonicalJson(value)).toBe('{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}');
    expect(canonicalJson('\u20ac$\u000f\nA\'B"\\\\"/')).toBe('"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"');
  });

  it('does not depend on the order in which names were written', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.integer()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).toReversed());
        expect(canonicalJson(turned)).toBe(canonicalJson(value));
      }),
    );
  });

  it.each([
    [1.5],
    [2 ** 53],
    [NaN],
    ['\ud800'],
    [{ '\udc00': 1 }],
    [undefined],
    [{ a: undefined }],
    [() => 1],
    [new Uint8Array(2)],
    [new Map()],
  ])('has no text for %j', (value) => expect(canonicalJson(value)).toBeNull());

  it('bounds depth', () => {
    const nest = (levels: number): unknown => (levels === 0 ? 1 : [nest(levels - 1)]);
    expect(canonicalJson(nest(16))).not.toBeNull();
    expect(canonicalJson(nest(17))).toBeNull();
    expect(parseCanonicalJson('['.repeat(50_000) + ']'.repeat(50_000))).toBeUndefined();
  });

  it.each(['{"b":1,"a":2}', '{"a":1,"a":1}', '{ "a":1}', '1.0', '-0', '1e2', '"\\u0041"', '{', ''])(
    'refuses the text %j, which is not the canonical one',
    (text) => expect(parseCanonicalJson(text)).toBeUndefined(),
  );
});
