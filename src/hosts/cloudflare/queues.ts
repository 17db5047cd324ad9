import type { Consumer, Fault, Hint } from '../../actors/port.ts';
import { DEAD_LETTERS } from '../../jobs/dead.ts';

/** Each queue has a second one for its dead letters, named after it. */
const DEAD = '-dead';

const UNREADABLE: Hint['actor'] = { kind: 'queue', name: 'unreadable' };

/** The hint a message carries, or null when it carries something else. */
function hintOf(body: unknown): Hint | null {
  const { actor, key } = (body ?? {}) as Partial<Hint>;
  const known = typeof actor?.kind === 'string' && typeof actor.name === 'string' && typeof key === 'string';
  return known ? { actor: { kind: actor.kind, name: actor.name }, key } : null;
}

/** Messages of one batch with the same hint: an actor that had several turns wants to be looked at once. */
interface Group {
  readonly hint: Hint;
  readonly messages: Message[];
}

/**
 * Settles every hint by itself: done is acknowledged, not yet is retried after the time the consumer named, and a
 * consumer that threw is retried with the queue's own delay. A dead letter, or a message that is no hint, becomes a fault
 * for the operator, a dead letter an event too: the work itself stays in its actor's rows.
 */
export async function consume(
  batch: MessageBatch,
  consumers: ReadonlyMap<string, Consumer>,
  report: (fault: Fault) => void,
): Promise<void> {
  const dead = batch.queue.endsWith(DEAD);
  const name = nameOf(dead ? batch.queue.slice(0, -DEAD.length) : batch.queue, consumers);
  const consumer = consumers.get(dead ? DEAD_LETTERS : (name ?? ''));
  const groups = new Map<string, Group>();
  for (const message of batch.messages) {
    const hint = hintOf(message.body);
    if (hint === null || !consumer || dead)
      report({ type: 'hint-dead', actor: hint?.actor ?? UNREADABLE, key: hint?.key ?? '', error: batch.queue });
    if (hint === null || !consumer) message.ack();
    else {
      const same = JSON.stringify([hint.actor.kind, hint.actor.name, hint.key]);
      const known = groups.get(same);
      if (known) known.messages.push(message);
      else groups.set(same, { hint, messages: [message] });
    }
  }
  await Promise.all(
    [...groups.values()].map(({ hint, messages }) =>
      settle(messages, dead ? { ...hint, key: `${name ?? batch.queue} ${hint.key}` } : hint, consumer!, report),
    ),
  );
}

/** A queue's name may begin with the deployment's. Null for a queue that nobody consumes. */
function nameOf(queue: string, consumers: ReadonlyMap<string, Consumer>): string | null {
  return [...consumers.keys()].find((name) => queue === name || queue.endsWith(`-${name}`)) ?? null;
}

/** `messages`: at least one. The one that was tried most often says which attempt this is. */
async function settle(
  messages: readonly Message[],
  hint: Hint,
  consumer: Consumer,
  report: (fault: Fault) => void,
): Promise<void> {
  try {
    const outcome = await consumer(hint, Math.max(...messages.map(({ attempts }) => attempts)));
    for (const message of messages)
      if (outcome.done) message.ack();
      else message.retry({ delaySeconds: Math.ceil(outcome.retryAfterMs / 1_000) });
  } catch (error) {
    const text = error instanceof Error ? error.message : 'unknown';
    report({ type: 'effect-failed', actor: hint.actor, key: hint.key, error: text });
    for (const message of messages) message.retry();
  }
}
