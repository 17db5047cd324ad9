import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PUSH_TAG_BYTES } from '../protocol/push.ts';
import { callerOfTag, pushTag } from './push-tag.ts';

const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
const name = fc.string({ minLength: 1, maxLength: 60 });

test('a device finds its contact in the tag, whoever else it knows', () => {
  fc.assert(
    fc.property(secret, name, name, fc.array(name), (key, ring, caller, others) => {
      const tag = pushTag(key, ring, caller);
      expect(tag.length).toBe(PUSH_TAG_BYTES);
      const known = [...others.filter((one) => one !== caller), caller];
      expect(callerOfTag(key, tag, known)).toBe(caller);
      expect(callerOfTag(key, tag, known.slice(0, -1))).toBe(null);
    }),
  );
});

test('two rings of one caller have nothing in common, and neither have two devices of one ring', () => {
  fc.assert(
    fc.property(secret, secret, name, name, name, (one, other, ring, next, caller) => {
      fc.pre(ring !== next && one.some((byte, i) => byte !== other[i]));
      const parts = (tag: Uint8Array) => [tag.subarray(0, 8), tag.subarray(8)].map((part) => part.toString());
      const first = parts(pushTag(one, ring, caller));
      for (const tag of [pushTag(one, next, caller), pushTag(other, ring, caller)])
        for (const [i, part] of parts(tag).entries()) expect(part).not.toBe(first[i]);
      expect(pushTag(one, ring, caller)).toEqual(pushTag(one, ring, caller));
    }),
  );
});

test('the other secret finds nobody', () => {
  fc.assert(
    fc.property(secret, secret, name, name, (one, other, ring, caller) => {
      fc.pre(one.some((byte, i) => byte !== other[i]));
      expect(callerOfTag(other, pushTag(one, ring, caller), [caller])).toBe(null);
    }),
  );
});
