import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as write from '../../test/attestation/support/der.ts';
import { mutation } from '../../test/attestation/support/mutate.ts';
import {
  bitString,
  boolean,
  enumerated,
  integer,
  octetString,
  oid,
  readDer,
  smallInteger,
  text,
  time,
  unsignedInteger,
  wholeBits,
} from './der.ts';
import { fromHex, hex } from './hex.ts';

const parse = (digits: string) => readDer(fromHex(digits)!);
const value = (digits: string) => parse(digits) ?? undefined;

describe('a DER value', () => {
  it('is read with class, tag, content and children', () => {
    const der = parse('30080201050403aabbcc')!;
    expect(der.children.map((child) => child.tag)).toEqual([2, 4]);
    expect(hex(octetString(der.children[1])!)).toBe('aabbcc');
  });

  it('may have a tag of several bytes', () => {
    const der = parse('bf853e03020100')!;
    expect([der.class, der.tag, der.children.length]).toEqual(['context', 702, 1]);
  });

  it.each([
    ['nothing', ''],
    ['a lone identifier', '30'],
    ['a length beyond the end', '0402aa'],
    ['trailing bytes', '0401aa00'],
    ['trailing bytes inside a sequence', '30030401'],
    ['an indefinite length', '30800401aa0000'],
    ['a length in more bytes than needed', '048101aa'],
    ['a length with a leading zero', '04820001aa'],
    ['a length of five bytes', '048500000000aa'],
    ['a constructed OCTET STRING', '24030401aa'],
    ['a primitive SEQUENCE', '10030401aa'],
    ['an end-of-contents tag', '0000'],
    ['a high tag below 31', '9f1e00'],
    ['a high tag with a leading zero', '9f803f00'],
    ['a high tag that never ends', '9fffff'],
  ])('is refused with %s', (_, digits) => expect(parse(digits)).toBeNull());

  it('is refused beyond its limits of size and depth', () => {
    const deep = Array.from({ length: 10 }).reduce<Uint8Array>((inner) => write.seq(inner), write.nul());
    expect(readDer(deep, { size: 100, depth: 11 })).not.toBeNull();
    expect(readDer(deep, { size: 100, depth: 10 })).toBeNull();
    expect(readDer(deep, { size: deep.length - 1, depth: 11 })).toBeNull();
  });
});

describe('typed readers', () => {
  it('INTEGER comes back for any value', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 80n), max: 1n << 80n }), (number) => {
        const der = readDer(write.int(number))!;
        expect(integer(der)).toBe(number);
        expect(unsignedInteger(der) === null).toBe(number < 0n);
        expect(smallInteger(der)).toBe(number >= 0n && number <= Number.MAX_SAFE_INTEGER ? Number(number) : null);
      }),
    );
  });

  it.each(['0200', '02020001', '0202ff80', '0401aa'])('INTEGER refuses %s', (digits) => {
    expect(integer(value(digits))).toBeNull();
    expect(unsignedInteger(value(digits))).toBeNull();
  });

  it('BOOLEAN is 00 or ff and nothing else', () => {
    expect(boolean(value('0101ff'))).toBe(true);
    expect(boolean(value('010100'))).toBe(false);
    for (const bad of ['010101', '0100', '0102ffff', '0201ff']) expect(boolean(value(bad))).toBeNull();
  });

  it('BIT STRING keeps its unused bits zero', () => {
    expect(bitString(value('030206c0'))).toEqual({ bytes: new Uint8Array([0xc0]), unused: 6 });
    expect(wholeBits(value('030206c0'))).toBeNull();
    for (const bad of ['0300', '030101', '030206c1', '030208c0']) expect(bitString(value(bad))).toBeNull();
  });

  it('OID comes back, also with arcs of 128 bits', () => {
    const arc = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
    const dotted = fc
      .tuple(fc.constantFrom(0n, 1n, 2n), fc.bigInt({ min: 0n, max: 39n }), fc.array(arc, { maxLength: 3 }))
      .map(([root, second, rest]) => [root, second, ...rest].join('.'));
    fc.assert(
      fc.property(dotted, (id) => {
        expect(oid(readDer(write.oid(id))!)).toBe(id);
      }),
    );
    expect(oid(value('0603883703'))).toBe('2.999.3');
    for (const bad of ['0600', '06028001', '060188', '0641' + '01'.repeat(65)]) expect(oid(value(bad))).toBeNull();
  });

  it('ENUMERATED is not an INTEGER', () => {
    expect(enumerated(value('0a0102'))).toBe(2);
    expect(enumerated(value('020102'))).toBeNull();
  });

  const clock = (tag: number, digits: string) => time(readDer(write.tlv(tag, new TextEncoder().encode(digits)))!);

  it('times are UTC with seconds; two-digit years turn at 1950', () => {
    expect(clock(0x17, '491231235959Z')).toBe(Date.UTC(2049, 11, 31, 23, 59, 59));
    expect(clock(0x17, '500101000000Z')).toBe(Date.UTC(1950, 0, 1));
    expect(clock(0x18, '21060207062815Z')).toBe(Date.UTC(2106, 1, 7, 6, 28, 15));
    expect(clock(0x18, '00500101000000Z')).toBe(new Date('0050-01-01T00:00:00Z').getTime());
  });

  it.each([
    [0x17, '4912312359Z'],
    [0x17, '491231235959+0000'],
    [0x17, '491231235959'],
    [0x17, '20491231235959Z'],
    [0x18, '491231235959Z'],
    [0x18, '20491231235959.5Z'],
    [0x18, '20490231235959Z'],
    [0x18, '20491331235959Z'],
    [0x18, '20491231245959Z'],
    [0x18, '20491231235960Z'],
  ])('time %i %s is refused', (tag, digits) => expect(clock(tag, digits)).toBeNull());

  it('text is read by its own type', () => {
    expect(text(value('0c02c3a9'))).toBe('é');
    expect(text(value('1401e9'))).toBe('é');
    expect(text(value('1e0200e9'))).toBe('é');
    for (const bad of ['0c01e9', '1301e9', '1e0100', '0401e9']) expect(text(value(bad))).toBeNull();
  });
});

it('no mutation throws, and what is read encodes to itself', () => {
  const sample = write.seq(
    write.context(702, write.int(5)),
    write.setOf(write.oid('1.2.840.113549'), write.bool(true)),
    write.time(Date.UTC(2026, 0)),
    write.bits(new Uint8Array([1, 2, 3])),
  );
  fc.assert(
    fc.property(mutation(sample), (bytes) => {
      const der = readDer(bytes);
      expect([null, bytes]).toContainEqual(der?.bytes ?? null);
      for (const child of der?.children ?? []) {
        for (const reader of [integer, boolean, bitString, oid, time, text, octetString, enumerated]) reader(child);
      }
    }),
    { numRuns: 3000 },
  );
});
