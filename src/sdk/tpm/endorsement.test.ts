import { describe, expect, it } from 'vitest';
import { concat } from '../../bytes/join.ts';
import { splitCertificates } from './endorsement.ts';

/** A DER SEQUENCE of 300 bytes of content. */
const certificate = (fill: number): Uint8Array =>
  concat(new Uint8Array([0x30, 0x82, 0x01, 0x2c]), new Uint8Array(300).fill(fill));

describe('certificates in NV', () => {
  it('are found alone, joined, padded and behind the header of old TPMs', () => {
    const [one, two] = [certificate(1), certificate(2)];
    expect(splitCertificates(one)).toEqual([one]);
    expect(splitCertificates(concat(one, two))).toEqual([one, two]);
    for (const padding of [0, 0xff]) {
      expect(splitCertificates(concat(one, new Uint8Array(90).fill(padding)))).toEqual([one]);
    }
    expect(splitCertificates(concat(new Uint8Array([0x10, 0x01, 0x00, 0x01, 0x30]), one))).toEqual([one]);
  });

  it('that are cut short, or no certificates, are none', () => {
    for (const bytes of [
      certificate(1).slice(0, -1),
      new Uint8Array(0),
      new Uint8Array(40),
      certificate(1).slice(0, 3),
    ]) {
      expect(splitCertificates(bytes)).toEqual([]);
    }
  });
});
