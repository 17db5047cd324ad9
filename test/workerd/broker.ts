interface Env {
  readonly QUEUE: string;
  readonly CONSUMER: Service;
}

interface Message {
  readonly id: string;
  readonly timestamp: Date;
  readonly body: unknown;
  readonly attempts: number;
}

interface Outcome {
  readonly outcome: string;
  readonly retryMessages: readonly { readonly msgId: string; readonly delaySeconds?: number }[];
}

interface Service {
  queue(name: string, messages: readonly Message[]): Promise<Outcome>;
}

const ATTEMPTS = 5;

/**
 * A queue for workerd served without Cloudflare around it: in memory, one message at a time, at least once, no dead letters.
 * It speaks what a queue binding speaks: one POST per message, the body as JSON.
 */
export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const body: unknown = await request.json();
    const message = { id: crypto.randomUUID(), timestamp: new Date(), body, attempts: 1 };
    ctx.waitUntil(deliver(env, message));
    return Response.json({ metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } });
  },
};

async function deliver(env: Env, message: Message): Promise<void> {
  const { outcome, retryMessages } = await env.CONSUMER.queue(env.QUEUE, [message]);
  const retry = retryMessages.find(({ msgId }) => msgId === message.id);
  if ((outcome === 'ok' && !retry) || message.attempts === ATTEMPTS) return;
  await new Promise((resolve) => setTimeout(resolve, (retry?.delaySeconds ?? 1) * 1_000));
  await deliver(env, { ...message, attempts: message.attempts + 1 });
}
