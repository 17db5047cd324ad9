import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex } from '../bytes/hex.ts';
import { concat, lp } from '../bytes/join.ts';
import { utf8 } from '../bytes/utf8.ts';
import type { EnrollmentFields } from '../bytes/transcript.ts';
import { enrollmentTranscript } from './transcript.ts';

const fields: EnrollmentFields = {
  origin: 'https://calls.example',
  format: 'webauthn',
  nonce: new Uint8Array(32).fill(1),
  purpose: 'device',
  deviceId: new Uint8Array(16).fill(2),
  identityKey: new Uint8Array(91).fill(3),
  accountId: new Uint8Array(32).fill(4),
};

describe('the enrollment transcript', () => {
  it('is the hash of exactly what docs and clients say', async () => {
    const input = concat(
      utf8('callsign/enrol/1'),
      lp(utf8(fields.origin)),
      lp(utf8(fields.format)),
      fields.nonce,
      lp(utf8(fields.purpose)),
      lp(fields.deviceId),
      lp(fields.identityKey),
      lp(fields.accountId),
    );
    const digest = await crypto.subtle.digest('SHA-256', input);
    expect(hex(enrollmentTranscript(fields))).toBe(hex(new Uint8Array(digest)));
  });

  it.each([
    { origin: 'https://calls.example.org' },
    { format: 'tpm2' },
    { nonce: new Uint8Array(32) },
    { purpose: 'renewal' },
    { deviceId: new Uint8Array(16) },
    { identityKey: new Uint8Array() },
    { accountId: new Uint8Array() },
  ])('is another one with another %o', (change) => {
    expect(hex(enrollmentTranscript({ ...fields, ...change }))).not.toBe(hex(enrollmentTranscript(fields)));
  });

  it('keeps fields apart: what moves from one to the next changes it', () => {
    const text = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(text, text, text, text, (a, b, c, d) => {
        const one = enrollmentTranscript({ ...fields, origin: a, format: b });
        const two = enrollmentTranscript({ ...fields, origin: c, format: d });
        expect(hex(one) === hex(two)).toBe(hex(utf8(a)) === hex(utf8(c)) && hex(utf8(b)) === hex(utf8(d)));
      }),
    );
    expect(() => enrollmentTranscript({ ...fields, nonce: new Uint8Array(31) })).toThrow(RangeError);
  });
});
