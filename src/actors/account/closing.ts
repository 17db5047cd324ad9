import { signerMayClose } from '../../directory/manifest/authority.ts';
import { record } from '../events.ts';
import type { Json, Turn } from '../port.ts';
import type { AccountCommand } from './command.ts';
import { devicesOf, setStatus } from './devices.ts';
import { headOf } from './head.ts';
import { pendingRecovery } from './recovery.ts';

/**
 * The account ends: from this commit on no device of it is in force, which closes couriers and ends calls; what is left of it is
 * erased by whoever asked (jobs/erasure.ts). As with a removal, a device of less than a week does not do it while an older one is
 * there; and nobody does while somebody else's recovery waits, so that a thief cannot use up the time for a veto.
 */
export function close(t: Turn, { device, request }: AccountCommand & { do: 'close' }): Json {
  const head = headOf(t);
  if (!head) return { ok: false, reason: 'unknown-account' };
  if (!signerMayClose(head, device, t.now)) return { ok: false, reason: 'signer-too-new' };
  if (pendingRecovery(t)) return { ok: false, reason: 'recovery-pending' };
  for (const { device: one } of devicesOf(t)) setStatus(t, one, 'revoked', 'owner: closed', request);
  record(t, { type: 'account.closed', severity: 'notice', subject: t.self.name, request });
  return { ok: true, ...what(t) };
}

/** Asked by the job: whether it is closed, and what else is to be erased with it. */
export function closed(t: Turn): Json {
  const open = devicesOf(t).some(({ status }) => status === 'active');
  return { ok: true, open, ...what(t) };
}

/** Nothing of it is left; only a closed account goes. */
export function erase(t: Turn): Json {
  if (devicesOf(t).some(({ status }) => status === 'active')) return { ok: false, reason: 'account-open' };
  t.erase();
  return { ok: true };
}

function what(t: Turn): { devices: string[]; handles: string[] } {
  const handles = t.all<{ handle: string }>(`SELECT handle FROM account_handle WHERE actor = ?1 ORDER BY handle`);
  return { devices: devicesOf(t).map(({ device }) => device), handles: handles.map(({ handle }) => handle) };
}
