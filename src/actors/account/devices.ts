import { record } from '../events.ts';
import type { Turn } from '../port.ts';

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
  readonly status_at: number;
}

const COLUMNS = 'device, key, status, chain, serial, not_after, bundle, status_at';

export function deviceOf(t: Turn, device: string): DeviceRow | null {
  return t.all<DeviceRow>(`SELECT ${COLUMNS} FROM account_device WHERE actor = ?1 AND device = ?2`, device)[0] ?? null;
}

export function devicesOf(t: Turn): DeviceRow[] {
  return t.all<DeviceRow>(`SELECT ${COLUMNS} FROM account_device WHERE actor = ?1 ORDER BY device`);
}

/** The device leaves service: one commit here, one mail per effect. */
export function setStatus(t: Turn, device: string, status: 'revoked' | 'removed', reason: string): void {
  const changed = t.run(
    `UPDATE account_device SET status = ?3, status_at = ?4, reason = ?5 WHERE actor = ?1 AND device = ?2 AND status = 'active'`,
    device,
    status,
    t.now,
    reason,
  );
  if (changed === 0) return;
  t.post({ kind: 'device', name: device }, 'revoke', { do: 'revoke', reason }, t.now + 22 * 3_600_000);
  const kept = deviceOf(t, device);
  record(t, {
    type: `device.${status}`,
    severity: 'notice',
    subject: device,
    reason,
    index: {
      table: 'certificate',
      serial: kept?.serial ?? null,
      account: t.self.name,
      device,
      status,
      statusAt: t.now,
    },
  });
}
