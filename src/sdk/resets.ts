import type { Head } from '../directory/manifest/head.ts';
import { settle } from '../directory/manifest/recovery.ts';
import { readReset, readVeto } from '../directory/recovery/statement.ts';
import type { KeySet } from '../protocol/handle.ts';
import type { RecoveryState, RecoveryView, ResetClaims } from '../protocol/recovery.ts';
import { concluded } from './concluded.ts';
import type { ClientConfig } from './config.ts';
import { CallsignError } from './errors.ts';

const HOUR_MS = 3_600_000;

/** A recovery whose statement verified. */
export interface KnownRecovery {
  readonly state: RecoveryState;
  readonly claims: ResetClaims;
  readonly dueAt: number;
}

/** Reads what a lookup says of recoveries; a statement that does not verify is refused. Vetoes of devices are kept for ever. */
export async function readRecoveries(
  config: ClientConfig,
  keys: KeySet,
  head: Head,
  list: readonly RecoveryView[],
): Promise<KnownRecovery[]> {
  const known: KnownRecovery[] = [];
  for (const { statement, veto, dueAt } of list) {
    const claims = await concluded(config.crypto, readReset(statement, config.origin, keys), 'reset');
    known.push({ state: claims.state, claims, dueAt });
    if (veto === null || claims.sub !== head.account) continue;
    const said = await concluded(config.crypto, readVeto(veto, head), 'veto');
    await config.store.write([{ collection: 'veto', id: said.recovery, value: veto }]);
  }
  return known;
}

/**
 * The handle led to the account `from` (whose head is `before`) and leads to `to` now. True: by a recovery to that account which the
 * server vouches for. Refused, when the account before allowed none, when its delay cannot be over, when this device saw it vetoed, and
 * when it was this device's own account.
 */
export async function judgeReset(
  { store }: ClientConfig,
  own: string,
  { from, before, to }: { readonly from: string; readonly before: Head | null; readonly to: string },
  recoveries: readonly KnownRecovery[],
  now: number,
): Promise<boolean> {
  if (from === own) throw new CallsignError('verification', 'reset-of-own-account');
  const reset = recoveries.find(
    ({ state, claims }) => state === 'completed' && claims.sub === from && claims.to === to,
  );
  const terms = before && settle(before.recovery, now).effective;
  if (reset && terms?.policy === 'never') throw new CallsignError('verification', 'reset-never');
  if (reset && terms?.keyHash) throw new CallsignError('verification', 'reset-without-key');
  const since = reset && reset.claims.started_at * 1_000;
  if (before && since && now < since + settle(before.recovery, since).effective.delayHours * HOUR_MS)
    throw new CallsignError('verification', 'reset-too-soon');
  if (reset && (await store.get('veto', reset.claims.recovery)) !== undefined)
    throw new CallsignError('verification', 'reset-vetoed');
  return reset !== undefined;
}
