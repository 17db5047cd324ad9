import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { hex } from '../../src/bytes/hex.ts';
import { readAssurance, writeAssurance } from '../../src/identity/assurance.ts';
import { OID_ARC, OID_ASSURANCE, OID_CALL_SIGNING, OID_TRANSCRIPT } from '../../src/protocol/identity.ts';
import { found, run } from '../support/program.ts';

/** The module as it is published; what follows reads it, and OpenSSL reads the bytes. */
const text = readFileSync('docs/identity-certificate.asn1', 'utf8').replaceAll(/--.*$/gm, '');
const folder = mkdtempSync(join(tmpdir(), 'callsign-asn1-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Field {
  readonly name: string;
  readonly type: string;
  /** Names of an ENUMERATED or named INTEGER, by value. */
  readonly values: ReadonlyMap<string, number>;
}

function sequenceOf(name: string): Field[] {
  const [, body = ''] = new RegExp(`${name} ::= SEQUENCE \\{([^]*?)\\n\\}`).exec(text) ?? [];
  return body
    .split(/,\s*\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== '...')
    .map((line) => {
      const [, field = '', type = '', rest = ''] = /^(\w+)\s+([A-Z][A-Za-z0-9]*(?: STRING)?)([^]*)$/.exec(line) ?? [];
      const values = new Map(
        [...rest.matchAll(/(\w+)\((\d+)\)/g)].map(([, word = '', value]) => [word, Number(value)]),
      );
      return { name: field, type, values };
    });
}

function numberOf(name: string): string | undefined {
  const [, number] = new RegExp(`${name} OBJECT IDENTIFIER ::= \\{ id-callsign (\\d+) \\}`).exec(text) ?? [];
  return number;
}

const statement = {
  format: 'tpm2',
  binding: 'key-attested',
  attestedKeyHardware: 'firmware-tpm',
  identityKeyHardware: 'firmware-tpm',
  freshness: 'challenge',
  policy: 'standard-1',
  evidence: new Uint8Array(32).fill(7),
} as const;
const fields = sequenceOf('Assurance');

/** Tag and value of each member, as OpenSSL reads them. */
function members(der: Uint8Array): { type: string; value: string }[] {
  const path = join(folder, 'assurance.der');
  writeFileSync(path, der);
  const { output } = run('openssl', ['asn1parse', '-inform', 'DER', '-in', path]);
  const [whole, ...inner] = output.trim().split('\n');
  expect(whole).toMatch(/d=0 .*cons: SEQUENCE/);
  return inner.map((line) => {
    const [, type = '', value = ''] = /d=1 .*prim: ([A-Z0-9 ]+?)\s*(?::(.*)|\[HEX DUMP\]:(.*))?$/.exec(line) ?? [];
    return { type, value: value === '' ? (line.split(':').at(-1) ?? '') : value };
  });
}

/** ASN.1's name of a type, as OpenSSL shows it. */
const SHOWN: Readonly<Record<string, string>> = { 'OCTET STRING': 'OCTET STRING', UTF8String: 'UTF8STRING' };

const lower = (word: string) => word.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

it('the published module names the identifiers that the code uses', () => {
  expect(text).toContain('{ joint-iso-itu-t(2) uuid(25) 1823119887 }');
  expect(OID_ARC).toBe('2.25.1823119887');
  expect([OID_CALL_SIGNING, OID_ASSURANCE, OID_TRANSCRIPT]).toEqual(
    ['id-kp-callSigning', 'id-ce-assurance', 'id-at-transcript'].map((name) => `${OID_ARC}.${numberOf(name)}`),
  );
});

it.skipIf(!found('openssl', 'openssl', 'OpenSSL reads the assurance extension as its ASN.1 module describes it'))(
  'the extension is encoded as the published module says, member by member',
  () => {
    expect(fields.map(({ name }) => name)).toEqual(['version', ...Object.keys(statement)]);
    const read = members(writeAssurance(statement));
    expect(read.map(({ type }) => type)).toEqual(fields.map(({ type }) => SHOWN[type] ?? type));
    const [version, format, binding, attested, identity, freshness, policy, evidence] = read.map(({ value }) => value);
    expect([format, attested, identity, policy]).toEqual(['tpm2', 'firmware-tpm', 'firmware-tpm', 'standard-1']);
    expect(evidence?.toLowerCase()).toBe(hex(statement.evidence));
    expect([version, binding, freshness].map((value) => Number(`0x${value}`))).toEqual([1, 0, 0]);
  },
);

it('every word of the module’s enumerations is one that the code writes, under the same number', () => {
  const numbers = (name: string) => [...(fields.find((field) => field.name === name)?.values ?? [])];
  expect(numbers('version')).toEqual([['v1', 1]]);
  for (const name of ['binding', 'freshness'] as const) {
    const listed = numbers(name);
    expect(listed.length).toBe(2);
    for (const [word, number] of listed) {
      const der = writeAssurance({ ...statement, [name]: lower(word) });
      expect(hex(der)).toContain(`0a010${number}`);
      expect(readAssurance(der)?.[name]).toBe(lower(word));
    }
  }
});

it('bounds are those of the module: texts of 1 to 64 characters, a hash of 32 bytes', () => {
  expect([...text.matchAll(/UTF8String \(SIZE \(1\.\.64\)\)/g)]).toHaveLength(4);
  expect([...text.matchAll(/OCTET STRING \(SIZE \(32\)\)/g)]).toHaveLength(2);
  const written = (part: object) => readAssurance(writeAssurance({ ...statement, ...part }));
  expect(written({ policy: 'x'.repeat(64) })?.policy).toHaveLength(64);
  expect(written({ policy: 'x'.repeat(65) })).toBeNull();
  expect(written({ policy: '' })).toBeNull();
  expect(written({ evidence: new Uint8Array(31) })).toBeNull();
});
