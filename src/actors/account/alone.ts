import type { Json, Turn } from '../port.ts';
import type { AccountCommand } from './command.ts';
import { deviceOf } from './devices.ts';
import { headOf } from './head.ts';

/**
 * Profile `device`: a device without account. The actor of the kind `account` that has the device's own name decides its
 * standing and its serials, by the same turns as an account does (docs/decisions/0015-a-device-without-account.md).
 */
export function enlist(t: Turn, { device, key }: AccountCommand & { do: 'enlist' }): Json {
  if (device !== t.self.name || headOf(t)) return { ok: false, reason: 'malformed' };
  const kept = deviceOf(t, device);
  if (kept) return kept.key === key ? { ok: true } : { ok: false, reason: 'another-key' };
  t.run(
    `INSERT INTO account_device (actor, device, key, status, status_at) VALUES (?1, ?2, ?3, 'active', ?4)`,
    device,
    key,
    t.now,
  );
  return { ok: true };
}

/** Whether this is such a device, and not an account. */
export function isAlone(t: Turn): boolean {
  return headOf(t) === null && deviceOf(t, t.self.name) !== null;
}

/** What such a device's actor does; everything else is an account's. */
export const ALONE: ReadonlySet<AccountCommand['do']> = new Set([
  'authorize',
  'intend',
  'issued',
  'revoke',
  'events',
  'events-shipped',
]);
