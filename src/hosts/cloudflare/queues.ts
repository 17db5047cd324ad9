import type { Consumer, Fault, Hint } from '../../actors/port.ts';

/** Each queue has a second one for its dead letters, named after it. */
const DEAD = '-dead';

const UNREADABLE: Hint['actor'] = { kind: 'queue', name: 'unreadable' };

/** The hint a message carries, or null when it carries something else. */
function hintOf(body: unknown): Hint | null {
  const { actor, key } = (body ?? {}) as Partial<Hint>;
  const known = typeof actor?.kind === 'string' && typeof actor.name === 'string' && typeof key === 'string';
  return known ? { actor: { kind: actor.kind, name: actor.name }, key } : null;
}

/**
 * Settles every message by itself: done is acknowledged, not yet is retried after the time the consumer named, and a
 * consumer that threw is retried with the queue's own delay. A dead letter, or a message that is no hint, becomes a fault
 * for the operator: the work itself stays in its actor's rows.
 */
export async function consume(
  batch: MessageBatch,
  consumers: ReadonlyMap<string, Consumer>,
  report: (fault: Fault) => void,
): Promise<void> {
  const consumer = consumerOf(batch.queue, consumers);
  await Promise.all(
    batch.messages.map(async (message) => {
      const hint = hintOf(message.body);
      if (hint === null || consumer === null) {
        report({ type: 'hint-dead', actor: hint?.actor ?? UNREADABLE, key: hint?.key ?? '', error: batch.queue });
        return message.ack();
      }
      await settle(message, hint, consumer, report);
    }),
  );
}

/** A queue's name may begin with the deployment's. Null for dead letters and for queues that nobody consumes. */
function consumerOf(queue: string, consumers: ReadonlyMap<string, Consumer>): Consumer | null {
  if (queue.endsWith(DEAD)) return null;
  return [...consumers].find(([name]) => queue === name || queue.endsWith(`-${name}`))?.[1] ?? null;
}

async function settle(message: Message, hint: Hint, consumer: Consumer, report: (fault: Fault) => void): Promise<void> {
  try {
    const outcome = await consumer(hint, message.attempts);
    if (outcome.done) message.ack();
    else message.retry({ delaySeconds: Math.ceil(outcome.retryAfterMs / 1_000) });
  } catch (error) {
    const text = error instanceof Error ? error.message : 'unknown';
    report({ type: 'effect-failed', actor: hint.actor, key: hint.key, error: text });
    message.retry();
  }
}
