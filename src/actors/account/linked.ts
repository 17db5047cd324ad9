import type { Json, Turn } from '../port.ts';
import { deviceOf, devicesOf } from './devices.ts';
import { headOf } from './head.ts';

/** Devices without evidence of their own that one account may have at a time. */
export const MOST_LINKED = 3;

export type LinkRefusal = 'voucher-not-in-force' | 'voucher-is-linked' | 'too-many-linked';

/** A device vouches while it is in the manifest, in service and certified, for evidence of its own. */
function problemOf(t: Turn, voucher: string): LinkRefusal | null {
  const kept = deviceOf(t, voucher);
  const listed = headOf(t)?.manifest.devices.some(({ id, key }) => id === voucher && key === kept?.key) === true;
  if (!listed || kept?.status !== 'active' || (kept.not_after ?? 0) <= t.now) return 'voucher-not-in-force';
  return kept.voucher === null ? null : 'voucher-is-linked';
}

export function voucherOf(t: Turn, device: string): Json {
  const reason = problemOf(t, device);
  const chain = deviceOf(t, device)?.chain;
  if (reason !== null || !chain) return { ok: false, reason: reason ?? 'voucher-not-in-force' };
  return { ok: true, chain: JSON.parse(chain) as Json };
}

/**
 * Records who vouches for the device, or that nobody has to. A linked device is never the only one, because its voucher is
 * another one in force; it vouches for nobody, and leaves service with its voucher (setStatus).
 */
export function link(t: Turn, device: string, voucher: string | null): LinkRefusal | null {
  const problem = voucher === null ? null : voucher === device ? 'voucher-not-in-force' : problemOf(t, voucher);
  if (problem !== null) return problem;
  const others = devicesOf(t).filter((row) => row.voucher !== null && row.status === 'active' && row.device !== device);
  if (voucher !== null && others.length >= MOST_LINKED) return 'too-many-linked';
  t.run(`UPDATE account_device SET voucher = ?3 WHERE actor = ?1 AND device = ?2`, device, voucher);
  return null;
}
