import type { Actors, Address, Consumer, Json } from '../actors/port.ts';
import type { PushSubscription } from '../protocol/push.ts';
import type { PushOutcome, PushPort } from '../push/port.ts';
import { backOff } from './hints.ts';

export interface Waker {
  readonly actors: Actors;
  /** Promised, because a host's queues may run before its secrets are read. */
  readonly push: Promise<Pick<PushPort, 'send'>>;
  readonly now: () => number;
}

type Claimed =
  | { readonly due: true; readonly subscription: PushSubscription; readonly tag: string; readonly until: number }
  | { readonly due: false; readonly retryAfterMs?: number };

/**
 * Sends the push that a hint speaks of. The Device decides: it gives each push out once, takes back what came of it, and says when to
 * come again, until its ring is over. What is not settled because something died is given out again by its own deadline.
 */
export function wakeDevices(waker: Waker): Consumer {
  return async ({ actor, key }, attempt) => {
    if (!/^\d{1,15}$/.test(key)) return { done: true };
    const seq = Number(key);
    const claimed = await ask(waker, actor, { do: 'wakeup', seq });
    if (claimed === null) return { done: false, retryAfterMs: backOff(attempt) };
    if (!claimed.due) return later(claimed);
    const { subscription, tag, until } = claimed;
    const sent = await (await waker.push).send(subscription, { tag, until }, waker.now());
    const settled = await ask(waker, actor, { do: 'wakeup-sent', seq, subscription, ...told(sent) });
    return settled === null || settled.due ? { done: false, retryAfterMs: backOff(attempt) } : later(settled);
  };
}

function later({ retryAfterMs }: { readonly retryAfterMs?: number }) {
  return retryAfterMs === undefined ? ({ done: true } as const) : ({ done: false, retryAfterMs } as const);
}

function told(sent: PushOutcome): { readonly [name: string]: Json } {
  return { ...sent };
}

/** Null: it is not known what became of the question. */
async function ask({ actors }: Waker, device: Address, body: object): Promise<Claimed | null> {
  const answer = await actors.command(device, 'wakeups', body as Json);
  if (!answer.ok) return null;
  const { ok, ...claimed } = answer.value as unknown as { readonly ok: boolean } & Claimed;
  return ok ? claimed : { due: false };
}
