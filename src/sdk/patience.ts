import type { ClientConfig } from './config.ts';
import { CallsignError } from './errors.ts';

/** How long a request is said again while the server cannot be reached or asks to wait, and the pauses between, ms. */
const PATIENCE_MS = 30_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 3_000;

/** Why a signal ended what was asked: the client was closed, and asks nothing any more. */
export const CLOSED = 'closed';

/** The server, or a part of it, was not there, was asked too often, or is still at it: another try may be answered. */
function isPassing(error: unknown): error is CallsignError {
  if (!(error instanceof CallsignError)) return false;
  if (error.code === 'network') return true;
  if (error.code !== 'refused') return false;
  return (error.status ?? 0) >= 502 || error.status === 429 || error.reason === 'in-progress';
}

/**
 * Work that may be done twice, until it is answered: pauses grow, differ from client to client, and are never shorter than the
 * server asked for. What would take longer than the patience ends with the last refusal; `signal` ends a pause too.
 */
export async function patiently<T>(
  { now, after, crypto }: Pick<ClientConfig, 'now' | 'after' | 'crypto'>,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const until = now() + PATIENCE_MS;
  for (let longest = FIRST_PAUSE_MS; ; longest = Math.min(LONGEST_PAUSE_MS, longest * 2)) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error) || signal?.aborted === true) throw error;
      const share = (crypto.random(1)[0] ?? 0) / 255;
      const pause = (error.retryAfterMs ?? 0) + longest * (0.5 + share / 2);
      if (now() + pause > until) throw error;
      await paused(after, pause, signal);
    }
  }
}

/** Waits by the configuration's clock; `signal` ends it at once. */
export function paused(after: ClientConfig['after'], ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const give = () => {
      cancel();
      reject(new CallsignError('aborted', signal?.reason === CLOSED ? CLOSED : 'aborted'));
    };
    const cancel = after(ms, () => {
      signal?.removeEventListener('abort', give);
      resolve();
    });
    if (signal?.aborted) give();
    else signal?.addEventListener('abort', give, { once: true });
  });
}

/** What is begun and awaited, unless `signal` comes first. */
export function unlessAborted<T>(signal: AbortSignal | undefined, begin: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const give = () => reject(new CallsignError('aborted', 'aborted'));
    if (signal?.aborted) return give();
    signal?.addEventListener('abort', give, { once: true });
    begin().then(resolve, reject);
  });
}
