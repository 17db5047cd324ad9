import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oid, readDer, sequence, unsignedInteger } from './der.ts';
import {
  derExplicit,
  derEcdsaSignature,
  derEnumerated,
  derOctets,
  derOid,
  derSequence,
  derSet,
  derUnsigned,
  derUtf8,
  derBits,
} from './der-write.ts';

describe('what is written', () => {
  it('is read back strictly', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (content) => {
        const written = derSequence(
          derOctets(content),
          derSet(derUtf8('é')),
          derExplicit(0, derBits(content)),
          derEnumerated(3),
        );
        expect(readDer(written)?.bytes).toEqual(written);
      }),
    );
  });

  it('as INTEGER is minimal and never negative', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 33 }), (bytes) => {
        const value = unsignedInteger(readDer(derUnsigned(bytes))!)!;
        expect(BigInt(`0x${Buffer.from(value).toString('hex')}`)).toBe(
          BigInt(`0x${Buffer.from(bytes).toString('hex')}`),
        );
      }),
    );
  });

  it('as an object identifier comes back', () => {
    const arc = fc.integer({ min: 0, max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(fc.constantFrom('1.3', '2.25', '2.5', '1.2'), fc.array(arc, { maxLength: 6 }), (root, arcs) => {
        const dotted = [root, ...arcs].join('.');
        expect(oid(readDer(derOid(dotted))!)).toBe(dotted);
      }),
    );
  });

  it('as an ECDSA signature has two integers', () => {
    const raw = new Uint8Array(64);
    raw[31] = 0x80;
    raw[63] = 1;
    expect(sequence(readDer(derEcdsaSignature(raw)))?.map((part) => [...part.content])).toEqual([[0, 0x80], [1]]);
  });
});
