import type { KnownHead } from '../../protocol/api.ts';
import type { Party } from '../../protocol/call.ts';
import type { Json, Turn } from '../port.ts';
import { refreshSet } from './callable.ts';
import { CAPABILITY_MS, isGenuine, mintFor } from './capability.ts';
import type { AccountCommand } from './command.ts';
import { headOf, manifestsAfter } from './head.ts';
import { policyOf } from './policy.ts';
import { recoveriesOf } from './recovery.ts';

interface Proved {
  readonly salt: string;
  readonly commitment: string;
  readonly method: string;
  readonly verifiedAt: number;
  readonly hidden: number;
}

/**
 * What a caller is told of this account: the chain from where it knows it, and every callable device with its certificate
 * and a capability. A blocked caller is told the same as everybody: the block list is not read here. Bundles come from the devices.
 * A handle that the manifest does not commit to is none of the account's, whatever the directory says.
 */
export function lookup(t: Turn, { caller, handle, known }: AccountCommand & { do: 'lookup' }): Json {
  const head = headOf(t);
  if (!head) return { ok: false, reason: 'unknown-account' };
  const found = t.all<Proved>(
    `SELECT salt, commitment, method, verified_at AS verifiedAt, hidden FROM account_handle WHERE actor = ?1 AND handle = ?2`,
    handle,
  )[0];
  // All of it is looked at, whatever comes of it: the time says nothing of the reason.
  const acquainted = isAcquainted(t, caller, known);
  const committed = head.manifest.handles.includes(found?.commitment ?? '');
  if (!found || !committed || (found.hidden === 1 && !acquainted)) return { ok: false, reason: 'unknown-handle' };
  const { salt, method, verifiedAt } = found;
  const proved = { salt, method, verifiedAt };
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
    recoveries: recoveriesOf(t),
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

/** Who finds a hidden handle: the account itself, its contacts, who has talked with it, and who shows a capability of it. */
function isAcquainted(t: Turn, caller: Party, known: KnownHead | null): boolean {
  return [
    caller.account === t.self.name,
    policyOf(t).contacts.includes(caller.account),
    hasCalled(t, caller.account),
    known?.capability !== undefined && isGenuine(t, caller, known.capability),
  ].some(Boolean);
}

/** Only a version that is really ours shortens the answer. */
function isKnown(t: Turn, known: KnownHead | null): known is KnownHead {
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
