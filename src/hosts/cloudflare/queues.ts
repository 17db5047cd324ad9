import type { Consumer, Fault, Hint } from '../../actors/port.ts';

/** Names end alike in every deployment: `invitations`, `wakeups`, and each with `-dead`. */
const NAME = /^(?:.*-)?(invitations|wakeups)(-dead)?$/;

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
  const [, queue, dead] = NAME.exec(batch.queue) ?? [];
  const consumer = queue === undefined ? undefined : consumers.get(queue);
  await Promise.all(
    batch.messages.map(async (message) => {
      const hint = hintOf(message.body);
      if (hint === null || consumer === undefined || dead !== undefined) {
        report({ type: 'hint-dead', actor: hint?.actor ?? UNREADABLE, key: hint?.key ?? '', error: batch.queue });
        return message.ack();
      }
      await settle(message, hint, consumer, report);
    }),
  );
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
