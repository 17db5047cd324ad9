import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as ca from '../../../test/attestation/support/ca.ts';
import * as der from '../../../test/attestation/support/der.ts';
import { mutation } from '../../../test/attestation/support/mutate.ts';
import { hex } from '../../bytes/hex.ts';
import { readCertificate } from './certificate.ts';
import { readableName } from './name.ts';

const issuer = der.commonName('TEST Root');
const subject = der.name(['2.5.4.10', 'TEST'], ['2.5.4.3', 'Leaf é']);
const key = await ca.makeKey();
const directory = der.context(4, der.name(['2.23.133.2.1', 'id:00001014']));
const extensions = [
  ca.basicConstraints(true, 2),
  ca.keyUsage(0x84),
  ca.extendedKeyUsage('2.23.133.8.1'),
  ca.extension('2.5.29.17', true, der.seq(directory)),
  ca.subjectKeyId(new Uint8Array([1, 2])),
  ca.authorityKeyId(new Uint8Array([3, 4])),
  ca.policies('1.2.3.4'),
  ca.extension('1.2.3.5', false, der.utf8String('own')),
];
const base = { subject, issuer, signer: key, spki: key.spki };
const sample = await ca.issue({ ...base, serial: 0x0a_bcden, extensions });

describe('a certificate', () => {
  it('says what was put into it', () => {
    const read = readCertificate(sample)!;
    expect(read.version).toBe(3);
    expect(read.serial).toBe('abcde');
    expect(readableName(read.subject)).toBe('O=TEST, CN=Leaf é');
    expect(hex(read.issuer.der)).toBe(hex(issuer));
    expect(read.key).toMatchObject({ kind: 'ec', curve: 'P-256' });
    expect(read.basicConstraints).toEqual({ ca: true, pathLength: 2 });
    expect([...read.keyUsage!]).toEqual(['digitalSignature', 'keyCertSign']);
    expect(read.extendedKeyUsage).toEqual(['2.23.133.8.1']);
    expect(read.subjectAltName).toMatchObject([
      { kind: 'directory', name: { attributes: [{ type: '2.23.133.2.1', value: 'id:00001014' }] } },
    ]);
    expect(hex(read.subjectKeyId!)).toBe('0102');
    expect(hex(read.authorityKeyId!)).toBe('0304');
    expect(read.policies).toEqual(['1.2.3.4']);
    expect(read.extensions.get('2.5.29.19')?.critical).toBe(true);
    expect(read.extensions.get('1.2.3.5')?.critical).toBe(false);
  });

  it.each(['RSA-2048', 'P-384', 'P-521', 'Ed25519', 'PSS'] as const)('has a key of kind %s', async (kind) => {
    const other = await ca.makeKey(kind);
    const read = readCertificate(await ca.issue({ ...base, signer: other, spki: other.spki }))!;
    expect(read.key.kind).toBe(kind === 'RSA-2048' || kind === 'PSS' ? 'rsa' : kind === 'Ed25519' ? 'ed25519' : 'ec');
  });

  it.each<[string, Promise<Uint8Array>]>([
    ['an extension twice', ca.issue({ ...base, extensions: [ca.keyUsage(4), ca.keyUsage(4)] })],
    ['extensions in a version 1 certificate', ca.issue({ ...base, version: 0, extensions })],
    ['version 4', ca.issue({ ...base, version: 3 })],
    ['a negative serial', ca.issue({ ...base, serial: -5 })],
    ['a serial of 21 bytes', ca.issue({ ...base, serial: 1n << 160n })],
    ['a malformed known extension', ca.issue({ ...base, extensions: [ca.extension('2.5.29.15', true, der.nul())] })],
    [
      'a key usage without bits',
      ca.issue({ ...base, extensions: [ca.extension('2.5.29.15', true, der.bits(new Uint8Array([0])))] }),
    ],
    [
      'trailing bytes in an extension',
      ca.issue({ ...base, extensions: [ca.extension('2.5.29.14', false, new Uint8Array([4, 1, 1, 0]))] }),
    ],
    [
      'a compressed point',
      ca.issue({
        ...base,
        spki: der.seq(
          der.seq(der.oid('1.2.840.10045.2.1'), der.oid('1.2.840.10045.3.1.7')),
          der.bits(new Uint8Array(33).fill(2)),
        ),
      }),
    ],
    ['a fourth member', Promise.resolve(ca.widened(sample))],
    ['a byte after it', Promise.resolve(new Uint8Array([...sample, 0]))],
  ])('is unreadable with %s', async (_, bytes) => expect(readCertificate(await bytes)).toBeNull());

  it('is unreadable when the inner signature algorithm is not the outer', async () => {
    const other = await ca.issue({ ...base, hash: 'SHA-384', serial: 0x0a_bcden, extensions });
    const tbs = readCertificate(sample)!.tbs;
    const { tbs: otherTbs, der: whole } = readCertificate(other)!;
    const tail = whole.subarray(whole.length - (whole.length - 4 - otherTbs.length));
    expect(readCertificate(der.seq(tbs, tail))).toBeNull();
  });

  it('no mutation throws', () => {
    fc.assert(
      fc.property(mutation(sample), (bytes) => {
        expect([null, bytes]).toContainEqual(readCertificate(bytes)?.der ?? null);
      }),
      { numRuns: 3000 },
    );
  });
});
