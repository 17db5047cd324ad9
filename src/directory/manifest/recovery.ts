import type { Manifest } from '../../protocol/manifest.ts';
import { canonicalJson } from '../../bytes/jcs.ts';

/** What a manifest says about recovery, its places in `handles` resolved, so that reordering handles cannot change who may recover. */
export interface RecoveryTerms {
  readonly policy: 'delay' | 'never';
  readonly delayHours: number;
  readonly keyHash: string | null;
  /** Commitments of the handles that must be proved again. */
  readonly handles: readonly string[];
}

/** Recovery as the chain has it. A change waits for the delay of the terms that it replaces. */
export interface RecoveryState {
  readonly effective: RecoveryTerms;
  readonly pending: {
    readonly terms: RecoveryTerms;
    readonly effectiveAt: number;
    /** Devices of the version before the proposal: each may veto. */
    readonly devices: readonly string[];
  } | null;
  /** When the recovery key last added a device. */
  readonly keyUsedAt: number | null;
}

const HOUR = 3_600_000;

export function termsOf({ recovery, handles }: Manifest): RecoveryTerms {
  return {
    policy: recovery.policy,
    delayHours: recovery.delayHours,
    keyHash: recovery.keyHash ?? null,
    handles: recovery.handles.map((place) => handles[place]!),
  };
}

export function sameTerms(a: RecoveryTerms, b: RecoveryTerms): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/** The state at `at`: a pending change whose time has come is in force. */
export function settle(state: RecoveryState, at: number): RecoveryState {
  if (!state.pending || state.pending.effectiveAt > at) return state;
  return { ...state, effective: state.pending.terms, pending: null };
}

/** The terms that the newest manifest asks for, in force or not. */
export function asked({ effective, pending }: RecoveryState): RecoveryTerms {
  return pending?.terms ?? effective;
}

/** The state after a version issued at `at` that asks for `terms`; going back to the terms in force ends the proposal. */
export function propose(
  state: RecoveryState,
  terms: RecoveryTerms,
  at: number,
  devices: readonly string[],
): RecoveryState {
  if (sameTerms(asked(state), terms)) return state;
  if (sameTerms(state.effective, terms)) return { ...state, pending: null };
  const effectiveAt = at + state.effective.delayHours * HOUR;
  return settle({ ...state, pending: { terms, effectiveAt, devices } }, at);
}
