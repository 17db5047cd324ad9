import { draftReset } from '../directory/recovery/statement.ts';
import type { RecoveryState, RecoveryView } from '../protocol/recovery.ts';
import type { AppContext } from './context.ts';

/** A recovery as an account's actor tells of it; times in ms. */
export interface RecoveryFact {
  readonly recovery: string;
  readonly state: RecoveryState;
  /** Whose handles it is about, and who is to have them. */
  readonly account: string;
  readonly by: string;
  readonly startedAt: number;
  readonly dueAt: number;
  readonly veto: string | null;
}

/** The same under the directory key, so that a client can show who said it. */
export async function attestRecovery(c: AppContext, fact: RecoveryFact): Promise<RecoveryView> {
  const { keys, deployment, now } = c.var.services;
  const { recovery, state, account, by, startedAt, dueAt, veto } = fact;
  const [started, due, iat] = [startedAt, dueAt, now()].map((ms) => Math.floor(ms / 1_000)) as [number, number, number];
  const claims = {
    iss: deployment.origin,
    sub: account,
    to: by,
    recovery,
    state,
    started_at: started,
    due_at: due,
    iat,
  };
  const draft = draftReset(claims, keys.directory.keyId);
  const statement = draft.seal(await keys.directory.sign(draft.input));
  return { recovery, state, statement, veto, dueAt };
}
