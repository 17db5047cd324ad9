import type { Json, Turn } from '../port.ts';
import { refreshSet } from './callable.ts';
import { CAPABILITY_MS, mintFor } from './capability.ts';
import type { AccountCommand } from './command.ts';
import { headOf, manifestsAfter } from './head.ts';

/**
 * What a caller is told of this account: the chain from where it knows it, and every callable device with its certificate
 * and a capability. A blocked caller is told the same as everybody. Bundles come from the devices.
 */
export function lookup(t: Turn, { caller, handle, known }: AccountCommand & { do: 'lookup' }): Json {
  const head = headOf(t);
  if (!head) return { ok: false, reason: 'unknown-account' };
  const proved = t.all<{ salt: string; method: string; verifiedAt: number }>(
    `SELECT salt, method, verified_at AS verifiedAt FROM account_handle WHERE actor = ?1 AND handle = ?2`,
    handle,
  )[0];
  if (!proved) return { ok: false, reason: 'unknown-handle' };
  const set = refreshSet(t, head);
  const { capabilities, expiresAt } = mintFor(
    t,
    caller,
    set.devices.map((row) => row.device),
    set.number,
  );
  return {
    ok: true,
    account: head.account,
    proved,
    manifests: manifestsAfter(t, isKnown(t, known) ? known.version : 0),
    set: set.number,
    devices: set.devices.map((row) => ({
      device: row.device,
      certificate: JSON.parse(row.chain ?? '[]') as Json,
      capability: capabilities.get(row.device) ?? '',
      dormant: (row.not_after ?? 0) <= t.now,
    })),
    known: hasCalled(t, caller.account),
    expiresAt,
    refreshAt: t.now + CAPABILITY_MS / 2,
  };
}

/** Only a version that is really ours shortens the answer. */
function isKnown(t: Turn, known: { version: number; hash: string } | null): known is { version: number; hash: string } {
  if (!known) return false;
  return (
    t.all(`SELECT 1 FROM account_manifest WHERE actor = ?1 AND version = ?2 AND hash = ?3`, known.version, known.hash)
      .length > 0
  );
}

/** Whether the two accounts have ever talked: such callers may take the last one-time keys. */
export function hasCalled(t: Turn, account: string): boolean {
  return (
    t.all(
      `SELECT 1 FROM account_history WHERE actor = ?1 AND peer = ?2 AND (outcome = 'answered' OR direction = 'outgoing') LIMIT 1`,
      account,
    ).length > 0
  );
}
