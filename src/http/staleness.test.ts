import { expect, it } from 'vitest';
import { policies } from '../attestation/policy/shipped.ts';
import type { MetadataList } from '../attestation/trust/store.ts';
import { listsAreStale, RENEWALS_STOP_MS } from './staleness.ts';

const NOW = Date.UTC(2026, 10, 26);
const { standard, strict, development } = policies;
const seen = (fetchedAt: number) => ({ androidStatus: { fetchedAt, entries: new Map() }, metadata: null });

it('a renewal on Android evidence stops fourteen days after the status list was last seen', () => {
  expect(listsAreStale(seen(NOW - RENEWALS_STOP_MS), standard, 'android-keystore', NOW)).toBe(false);
  expect(listsAreStale(seen(NOW - RENEWALS_STOP_MS - 1), standard, 'android-keystore', NOW)).toBe(true);
  expect(listsAreStale({ androidStatus: null, metadata: null }, standard, 'android-key', NOW)).toBe(true);
  expect(listsAreStale({ androidStatus: null, metadata: null }, development, 'android-key', NOW)).toBe(false);
});

it('one on a security key or Windows Hello stops where policy requires the metadata, and not before its own limit', () => {
  const metadata = (age: number) => ({ androidStatus: null, metadata: { fetchedAt: NOW - age } as MetadataList });
  expect(listsAreStale(metadata(2 * strict.metadata.maxAgeMs), standard, 'packed', NOW)).toBe(false);
  expect(listsAreStale(metadata(strict.metadata.maxAgeMs), strict, 'tpm', NOW)).toBe(false);
  expect(listsAreStale(metadata(strict.metadata.maxAgeMs + 1), strict, 'tpm', NOW)).toBe(true);
});

it('evidence that needs no list is never stopped by one', () => {
  for (const format of ['tpm2', 'app-attest', 'linked', 'development'] as const)
    expect(listsAreStale({ androidStatus: null, metadata: null }, strict, format, NOW)).toBe(false);
});
