import type { Policy } from '../attestation/policy/policy.ts';
import type { TrustStore } from '../attestation/trust/store.ts';
import type { FormatId } from '../attestation/verdict.ts';

/** Renewals go on for so long while a list that their evidence needs is not seen, ms: enrollments stop much earlier. */
export const RENEWALS_STOP_MS = 14 * 86_400_000;

const ANDROID: ReadonlySet<FormatId | 'unknown'> = new Set(['android-key', 'android-keystore']);
const METADATA: ReadonlySet<FormatId | 'unknown'> = new Set(['packed', 'tpm', 'fido-u2f']);

/** Whether nobody has known for too long if the hardware of this evidence was condemned. */
export function listsAreStale(
  { androidStatus, metadata }: Pick<TrustStore, 'androidStatus' | 'metadata'>,
  { android, metadata: wanted }: Pick<Policy, 'android' | 'metadata'>,
  format: FormatId | 'unknown',
  now: number,
): boolean {
  const older = (list: { readonly fetchedAt: number } | null, than: number) =>
    list === null || now - list.fetchedAt > Math.max(than, RENEWALS_STOP_MS);
  if (ANDROID.has(format))
    return android.statusList === 'fail-closed' && older(androidStatus, android.statusListMaxAgeMs);
  return METADATA.has(format) && wanted.required && older(metadata, wanted.maxAgeMs);
}
