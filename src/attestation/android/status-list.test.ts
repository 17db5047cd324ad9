import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mutation } from '../../../test/attestation/support/mutate.ts';
import { utf8 } from '../../bytes/utf8.ts';
import { normalizeSerial, readStatusList } from './status-list.ts';

const list = (text: string) => readStatusList(utf8(text), 1000);
const sample = JSON.stringify({
  entries: {
    '6681152659205225093': { status: 'REVOKED', reason: 'KEY_COMPROMISE' },
    '00ABcd': { status: 'SUSPENDED', reason: 'SOFTWARE_FLAW', expires: '2030-01-01', comment: '{"entries": 1, "}' },
    c1: { status: 'QUARANTINED' },
  },
});

describe('the status list', () => {
  it('is looked up by hexadecimal serials without leading zeros, in lower case', () => {
    const read = list(sample)!;
    expect(read.fetchedAt).toBe(1000);
    expect(read.entries.get('6681152659205225093')).toEqual({ status: 'REVOKED', reason: 'KEY_COMPROMISE' });
    expect(read.entries.get('abcd')).toEqual({ status: 'SUSPENDED', reason: 'SOFTWARE_FLAW' });
  });

  it('refuses whoever is listed, also under a status of later days', () => {
    expect(list(sample)?.entries.get('c1')).toEqual({ status: 'SUSPENDED', reason: 'QUARANTINED' });
  });

  it.each([
    '',
    '{}',
    '[]',
    '{"entries":[]}',
    '{"entries":null}',
    '{"entries":{"xyz":{"status":"REVOKED"}}}',
    '{"entries":{"":{"status":"REVOKED"}}}',
    '{"entries":{"a1":"REVOKED"}}',
    '{"entries":{"a1":{"reason":"KEY_COMPROMISE"}}}',
    '{"entries":{"a1":{"status":"REVOKED"},"0A1":{"status":"REVOKED"}}}',
    '{"entries":{"a1":{"status":"REVOKED"}},"entries":{}}',
    '{"entries":{"a1":{"status":"REVOKED"},"a1":{"status":"REVOKED"}}}',
    '{"entries":{"a1":{"status":"REVOKED"},"\\u0061\\u0031":{"status":"SUSPENDED"}}}',
    '{"entries":{"a1":{"status":"REVOKED"',
  ])('is refused whole when it is %s', (text) => expect(list(text)).toBeNull());

  it('is refused when it is not UTF-8', () => {
    expect(readStatusList(new Uint8Array([0xff]), 0)).toBeNull();
  });

  it('serials are normalized, or are none', () => {
    expect(normalizeSerial('0003Af')).toBe('3af');
    expect(normalizeSerial('000')).toBe('0');
    for (const bad of ['', ' 1', '1n', '-1', '0x1', 'f'.repeat(65)]) expect(normalizeSerial(bad)).toBeNull();
  });

  it('no mutation throws', () => {
    fc.assert(
      fc.property(mutation(utf8(sample)), (bytes) => {
        readStatusList(bytes, 0);
      }),
      { numRuns: 3000 },
    );
  });
});
