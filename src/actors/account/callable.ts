import { sha256 } from '@noble/hashes/sha2.js';
import { base64url } from '../../bytes/base64url.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { Head } from '../../directory/manifest/head.ts';
import type { Turn } from '../port.ts';
import { type DeviceRow, devicesOf } from './devices.ts';

/** How long after its certificate ended a device can still be rung (G11), ms. */
export const DORMANT_AFTER_MS = 90 * 86_400_000;

/** The devices that can be rung now, and the number by which an invitation names exactly them. */
export interface CallableSet {
  readonly number: number;
  readonly devices: readonly DeviceRow[];
}

function callable(t: Turn, head: Head): DeviceRow[] {
  const listed = new Map(head.manifest.devices.map((entry) => [entry.id, entry.key]));
  return devicesOf(t).filter(
    (row) =>
      row.status === 'active' &&
      row.bundle === 1 &&
      (row.bundle_until ?? t.now + 1) > t.now &&
      row.chain !== null &&
      listed.get(row.device) === row.key &&
      (row.not_after ?? 0) + DORMANT_AFTER_MS > t.now,
  );
}

/** Counts up when the set changed; capabilities of an older number no longer hold. */
export function refreshSet(t: Turn, head: Head): CallableSet {
  const devices = callable(t, head);
  const text = devices.map((row) => `${row.device} ${row.key}`).join('\n');
  const digest = t.recall('account_device', `digest ${text}`, () => base64url(sha256(utf8(text))));
  const kept = t.recall('account_head', 'set', () =>
    t
      .all<{ set_number: number; set_digest: string }>(
        `SELECT set_number, set_digest FROM account_head WHERE actor = ?1`,
      )
      .at(0),
  );
  const number = kept?.set_number ?? 0;
  if (kept?.set_digest === digest) return { number, devices };
  t.run(`UPDATE account_head SET set_number = ?2, set_digest = ?3 WHERE actor = ?1`, number + 1, digest);
  return { number: number + 1, devices };
}
