import type { Warning, WarningOutcome } from '../actors/account/warnings.ts';
import type { Actors, Consumer, Json } from '../actors/port.ts';
import { backOff } from './hints.ts';

export interface Warner {
  readonly actors: Pick<Actors, 'command'>;
  /** Promised, because a host's queues may run before its secrets are read. */
  readonly codes: Promise<{ warn(warning: Warning): Promise<WarningOutcome> }>;
}

/**
 * Sends the warnings of a recovery that a hint speaks of. The Account decides: it gives each out once, takes back what came of it, and
 * gives it out again by its own deadline when it failed or its sender died.
 */
export function warnHandles({ actors, codes }: Warner): Consumer {
  return async ({ actor, key: recovery }, attempt) => {
    const tell = (step: { readonly [name: string]: Json }) =>
      actors.command(actor, 'warnings', { do: 'recovery', recovery, ...step });
    const claimed = await tell({ step: 'warn' });
    if (!claimed.ok) return { done: false, retryAfterMs: backOff(attempt) };
    const { warnings = [] } = claimed.value as unknown as { readonly warnings?: readonly Warning[] };
    const sender = await codes;
    await Promise.all(
      warnings.map(async (warning) => tell({ step: 'warned', id: warning.id, outcome: await sender.warn(warning) })),
    );
    return { done: true };
  };
}
