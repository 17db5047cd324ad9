import type { Head } from '../directory/manifest/head.ts';
import { settle } from '../directory/manifest/recovery.ts';
import { readReset, readVeto } from '../directory/recovery/statement.ts';
import type { Plan } from '../directory/signature.ts';
import type { KeySet } from '../protocol/handle.ts';
import type { RecoveryState, RecoveryView, ResetClaims } from '../protocol/recovery.ts';
import type { ClientConfig } from './config.ts';
import { CallsignError } from './errors.ts';

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
    const claims = await holding(config, readReset(statement, config.origin, keys), 'reset');
    known.push({ state: claims.state, claims, dueAt });
    if (veto === null || claims.sub !== head.account) continue;
    const said = await holding(config, readVeto(veto, head), 'veto');
    await config.store.write([{ collection: 'veto', id: said.recovery, value: veto }]);
  }
  return known;
}

async function holding<T>(
  { crypto }: ClientConfig,
  plan: Plan<T, 'signature-invalid'> | { readonly ok: false; readonly reason: string },
  what: string,
): Promise<T> {
  if (!plan.ok) throw new CallsignError('verification', `${what}-${plan.reason}`);
  const holds = await Promise.all(plan.checks.map((check) => crypto.holds(check)));
  const concluded = plan.conclude((_, i) => holds[i] === true);
  if (!concluded.ok) throw new CallsignError('verification', `${what}-${concluded.reason}`);
  return concluded.value;
}

/**
 * The handle led to `before` and leads to another account now. True: by a recovery that the server vouches for. Refused, when the
 * account before allowed none, when this device saw it vetoed, and when it was this device's own account.
 */
export async function judgeReset(
  { store }: ClientConfig,
  own: string,
  before: Head | null,
  pinned: string,
  recoveries: readonly KnownRecovery[],
  now: number,
): Promise<boolean> {
  if (pinned === own) throw new CallsignError('verification', 'reset-of-own-account');
  const reset = recoveries.find(({ state, claims }) => state === 'completed' && claims.sub === pinned);
  const terms = before && settle(before.recovery, now).effective;
  if (reset && terms?.policy === 'never') throw new CallsignError('verification', 'reset-never');
  if (reset && terms?.keyHash) throw new CallsignError('verification', 'reset-without-key');
  if (reset && (await store.get('veto', reset.claims.recovery)) !== undefined)
    throw new CallsignError('verification', 'reset-vetoed');
  return reset !== undefined;
}
