import { describe, expect, it } from 'vitest';
import { anchorState, storeProblems } from '../../cli/support/anchors.ts';
import { anchorRecords } from '../../src/attestation/trust/anchors/index.ts';
import { anchorsFor } from '../../src/attestation/trust/judge.ts';
import { builtInTrust } from '../../src/attestation/trust/load.ts';

describe('the trust store that ships', () => {
  it('reads, is what its records say, and is in date or knowingly not', () => {
    expect(storeProblems(Date.now())).toEqual([]);
  });

  it('says so when an anchor ends, and a year before', () => {
    const ends = anchorRecords.find(({ id }) => id === 'apple-webauthn-root-ca')!;
    expect(anchorState(ends, Date.UTC(2044, 2, 14))).toBe('in date');
    expect(anchorState(ends, Date.UTC(2044, 2, 16))).toBe('alarm');
    expect(anchorState(ends, Date.UTC(2045, 2, 16))).toBe('EXPIRED');
    expect(storeProblems(Date.UTC(2045, 2, 16))).toContainEqual(expect.stringContaining('apple-webauthn-root-ca'));
  });

  it('never gives an anchor that signs lists or receipts to evidence', () => {
    const trust = builtInTrust();
    for (const format of ['packed', 'tpm', 'app-attest', 'android-key', 'tpm2'] as const) {
      expect(anchorsFor(trust, format).some((anchor) => anchor.class === 'metadata')).toBe(false);
      expect(anchorsFor(trust, format).some((anchor) => anchor.class === 'hardware')).toBe(true);
    }
  });

  it('holds what the two rotations of 2026 need: Google’s old key and its new one', () => {
    const ids = anchorsFor(builtInTrust(), 'android-keystore').map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(['google-hw-attestation-rsa-2022', 'google-key-attestation-ca1']));
  });
});
