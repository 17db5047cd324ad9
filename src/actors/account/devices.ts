import { KEEP_AFTER_END } from '../../ca/revocation.ts';
import { record } from '../events.ts';
import type { Turn } from '../port.ts';
import { headOf } from './head.ts';

export interface DeviceRow {
  readonly device: string;
  readonly key: string;
  /** active, revoked (by owner, operator or re-judging), removed (by a manifest). */
  readonly status: 'active' | 'revoked' | 'removed';
  /** DER certificates, base64url, leaf first, JSON. */
  readonly chain: string | null;
  readonly serial: string | null;
  readonly not_after: number | null;
  readonly bundle: number;
  /** When the bundle is too old to be used; null where it was published before this was kept. */
  readonly bundle_until: number | null;
  readonly status_at: number;
  /** The device that vouched for this one; null for a device with evidence of its own. */
  readonly voucher: string | null;
}

const COLUMNS = 'device, key, status, chain, serial, not_after, bundle, bundle_until, status_at, voucher';

export function deviceOf(t: Turn, device: string): DeviceRow | null {
  return t.all<DeviceRow>(`SELECT ${COLUMNS} FROM account_device WHERE actor = ?1 AND device = ?2`, device)[0] ?? null;
}

export function devicesOf(t: Turn): readonly DeviceRow[] {
  return t.recall('account_device', 'devices', () =>
    t.all<DeviceRow>(`SELECT ${COLUMNS} FROM account_device WHERE actor = ?1 ORDER BY device`),
  );
}

/** This actor's account; null where it is a device without one, which has the device's name. */
export function accountHere(t: Turn): string | null {
  return headOf(t) ? t.self.name : null;
}

/** The device leaves service: one commit here, one mail per effect. */
export function setStatus(
  t: Turn,
  device: string,
  status: 'revoked' | 'removed',
  reason: string,
  request: string | null = null,
): void {
  const changed = t.run(
    `UPDATE account_device SET status = ?3, status_at = ?4, reason = ?5 WHERE actor = ?1 AND device = ?2 AND status = 'active'`,
    device,
    status,
    t.now,
    reason,
  );
  if (changed === 0) return;
  const account = accountHere(t);
  if (account !== null)
    t.post({ kind: 'device', name: device }, 'revoke', { do: 'revoke', reason }, t.now + 22 * 3_600_000);
  record(t, { type: `device.${status}`, severity: 'notice', subject: device, reason, request });
  for (const certificate of acceptable(t, device)) {
    const { serial, not_after: notAfter } = certificate;
    const index = { table: 'certificate', serial, account, device, status, statusAt: t.now, notAfter };
    record(t, { type: `certificate.${status}`, severity: 'notice', subject: serial, reason, request, index });
  }
  for (const linked of devicesOf(t).filter(({ voucher }) => voucher === device))
    setStatus(t, linked.device, 'revoked', `${sideOf(reason)}: its voucher left service`, request);
}

/** Who took the voucher out of service; a manifest that removed it is its owner's. */
function sideOf(reason: string): string {
  return /^(owner|operator|condemned|superseded): /.exec(reason)?.[1] ?? 'owner';
}

/** Every certificate of the device that somebody may still accept, not the newest alone: the revocation list must name them all. */
function acceptable(t: Turn, device: string): { serial: string; not_after: number }[] {
  return t.all(
    `SELECT serial, not_after FROM account_serial WHERE actor = ?1 AND device = ?2 AND state = 'issued' AND not_after > ?3 ORDER BY serial`,
    device,
    t.now - KEEP_AFTER_END,
  );
}
