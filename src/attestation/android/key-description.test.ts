import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as make from '../../../test/attestation/support/android.ts';
import * as der from '../../../test/attestation/support/der.ts';
import { mutation } from '../../../test/attestation/support/mutate.ts';
import { hex } from '../../bytes/hex.ts';
import { readKeyDescription } from './key-description.ts';

const hardware = (change: make.Fields) =>
  readKeyDescription(make.keyDescription({ hardware: { ...make.hardwareFields, ...change } }));

describe('a KeyDescription', () => {
  it('says what was put into it', () => {
    const read = readKeyDescription(make.keyDescription({ level: 2 }))!;
    expect(read).toMatchObject({ attestationVersion: 300, attestationSecurityLevel: 'strongbox', keyMintVersion: 300 });
    expect(hex(read.challenge)).toBe('09'.repeat(32));
    const { hardwareEnforced, softwareEnforced } = read;
    expect([...hardwareEnforced.purposes!]).toEqual([2, 3]);
    expect(hardwareEnforced).toMatchObject({ origin: 'generated', noAuthRequired: true, allApplications: false });
    expect(hardwareEnforced).toMatchObject({ osPatchLevel: 202_512, vendorPatchLevel: 20_251_205, keySize: 256 });
    expect(hardwareEnforced.rootOfTrust).toMatchObject({ deviceLocked: true, verifiedBootState: 'verified' });
    expect(softwareEnforced.applicationId).toEqual({
      packages: [{ name: 'org.example.calls', version: 7n }],
      digests: ['ab'.repeat(32)],
    });
    expect([softwareEnforced.purposes, softwareEnforced.origin, softwareEnforced.rootOfTrust]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it.each([1, 2, 3, 4, 100, 200, 300, 400, 500])('is read at version %i', (version) => {
    expect(readKeyDescription(make.keyDescription({ version }))?.attestationVersion).toBe(version);
  });

  it('has no boot hash before version 3', () => {
    expect(
      hardware({ 704: make.rootOfTrust({ hash: null }) })?.hardwareEnforced.rootOfTrust?.verifiedBootHash,
    ).toBeNull();
  });

  it('keeps fields that it does not know', () => {
    const read = hardware({ 999: der.octets(new Uint8Array([1])), 508: der.nul() })!;
    expect(hex(read.hardwareEnforced.tags.get(999)!)).toBe('040101');
    expect(read.hardwareEnforced.tags.has(508)).toBe(true);
  });

  const list = (...fields: readonly Uint8Array[]) => {
    const empty = der.seq();
    const head = [der.int(3), der.enumeration(1), der.int(4), der.enumeration(1), der.octets(), der.octets()];
    return readKeyDescription(der.seq(...head, empty, der.seq(...fields)));
  };

  it('has its fields in ascending order, each once, each explicit', () => {
    const [two, three] = [der.context(2, der.int(3)), der.context(3, der.int(256))];
    expect(list(two, three)).not.toBeNull();
    expect(list(three, two)).toBeNull();
    expect(list(two, two)).toBeNull();
    expect(list(der.context(2, new Uint8Array([3]), false))).toBeNull();
    expect(list(der.int(3))).toBeNull();
    expect(list(der.context(2, der.int(3)), der.context(3, new Uint8Array()))).toBeNull();
  });

  it.each<[string, make.Fields]>([
    ['a purpose that is no set', { 1: der.int(2) }],
    ['an algorithm that is no integer', { 2: der.octets() }],
    ['an unknown origin', { 702: der.int(9) }],
    ['a flag that is not NULL', { 600: der.bool(true) }],
    ['a device lock that is neither 00 nor ff', { 704: make.rootOfTrust({ locked: new Uint8Array([1, 1, 1]) }) }],
    ['a boot state beyond the four', { 704: make.rootOfTrust({ state: 4 }) }],
    [
      'a root of trust of five fields',
      { 704: der.seq(der.octets(), der.bool(true), der.enumeration(0), der.octets(), der.nul()) },
    ],
    ['an application id that is no DER', { 709: der.octets(new Uint8Array([1])) }],
    ['an application id with a third member', { 709: der.octets(der.seq(der.setOf(), der.setOf(), der.nul())) }],
    [
      'a package name that is not UTF-8',
      { 709: der.octets(der.seq(der.setOf(der.seq(der.octets(new Uint8Array([0xff])), der.int(1))), der.setOf())) },
    ],
    ['a negative patch level', { 706: der.int(-1) }],
  ])('is malformed with %s', (_, change) => expect(hardware(change)).toBeNull());

  it('is malformed with another number of fields, an unknown security level, or bytes after it', () => {
    const good = make.keyDescription();
    expect(readKeyDescription(new Uint8Array([...good, 0]))).toBeNull();
    expect(readKeyDescription(der.seq())).toBeNull();
    expect(readKeyDescription(make.keyDescription({ level: 3 }))).toBeNull();
  });

  it('no mutation throws', () => {
    fc.assert(
      fc.property(mutation(make.keyDescription()), (bytes) => {
        readKeyDescription(bytes);
      }),
      { numRuns: 4000 },
    );
  });
});
