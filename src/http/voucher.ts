import type { Voucher } from '../attestation/format.ts';
import { KEY_HARDWARE } from '../attestation/verdict.ts';
import { fromBase64url } from '../bytes/base64url.ts';
import { readIdentity } from '../identity/certificate.ts';
import type { EnrollmentRequest } from '../protocol/api.ts';
import { accountOf } from './ask.ts';
import type { Services } from './services.ts';

type Vouching =
  | { readonly ok: true; readonly voucher: Voucher | null }
  | { readonly ok: false; readonly reason: 'unavailable' };

const NOBODY: Vouching = { ok: true, voucher: null };

/**
 * `linked`: the device that the evidence names, when its account says that it may vouch. The account is the challenge's;
 * what its key is worth is read from the certificate that was issued to it.
 */
export async function voucherFor(
  services: Pick<Services, 'actors' | 'policy'>,
  { format, evidence }: Pick<EnrollmentRequest, 'format' | 'evidence'>,
  account: string | null,
  now: number,
): Promise<Vouching> {
  const device = evidence['voucher'];
  const asked = format === 'linked' && services.policy.formats.includes('linked');
  if (!asked || account === null || typeof device !== 'string') return NOBODY;
  const command = { do: 'voucher', device } as const;
  const answer = await services.actors.command(accountOf(account), `voucher/${device}/${now}`, command);
  if (!answer.ok) return { ok: false, reason: 'unavailable' };
  const { ok, chain } = answer.value as { ok: boolean; chain?: readonly string[] };
  const leaf = ok ? fromBase64url(chain?.[0] ?? '') : null;
  const identity = leaf && readIdentity(leaf);
  const hardware = KEY_HARDWARE.find((one) => one === identity?.assurance.attestedKeyHardware);
  if (!identity || hardware === undefined) return NOBODY;
  return { ok: true, voucher: { deviceId: device, identityKey: identity.key, attestedKeyHardware: hardware } };
}
