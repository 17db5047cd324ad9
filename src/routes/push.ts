import { ask, deviceOf } from '../http/ask.ts';
import { authenticated } from '../http/authenticated.ts';
import { json } from '../http/body.ts';
import { type AppContext, factory } from '../http/context.ts';
import { problem } from '../http/problem.ts';
import { tooMany } from '../http/rate-limit.ts';
import { ofActor } from '../http/refusals.ts';
import {
  PUSH_TEST_LIFE_MS,
  PUSH_TESTS,
  type PushSubscription,
  type PushTestReply,
  type SubscriptionReply,
  SubscriptionRequest,
} from '../protocol/push.ts';

type Shown = Pick<SubscriptionReply, 'subscription' | 'since'>;

/** The device decides; what this deployment can send stands beside. */
async function shown(c: AppContext, command: object): Promise<Response> {
  const asked = await ask<Shown>(c, deviceOf(c.var.caller.device), command);
  if (!asked.ok) return asked.response;
  if (!asked.value.ok) return refused(c, asked.value.reason);
  const { subscription, since } = asked.value;
  const { kinds, vapidKey } = c.var.services.push;
  return c.json({ subscription, since, kinds: [...kinds], vapidKey } satisfies SubscriptionReply);
}

function refused(c: AppContext, why: string): Response {
  const { slug, reason } = ofActor(why);
  return problem(c, slug, reason);
}

/** Where the caller's device is pushed to while it has no connection. */
export const push = factory
  .createApp()
  .get('/v1/push/subscription', authenticated, (c) => shown(c, { do: 'push-subscription' }))
  .put('/v1/push/subscription', authenticated, async (c) => {
    const read = await json(c, SubscriptionRequest);
    if (!read.ok) return read.response;
    const unfit = await c.var.services.push.problemOf(read.value.subscription);
    if (unfit !== null) return problem(c, 'refused', unfit);
    return shown(c, { do: 'push-subscribe', ...read.value });
  })
  .delete('/v1/push/subscription', authenticated, (c) => shown(c, { do: 'push-unsubscribe' }))
  /** A push at once, and what the push service said; its tag is of no ring. */
  .post('/v1/push/test', authenticated, async (c) => {
    const { push: port, now } = c.var.services;
    const device = deviceOf(c.var.caller.device);
    const asked = await ask<{ subscription: PushSubscription; tag: string }>(c, device, { do: 'push-test' });
    if (!asked.ok) return asked.response;
    if (!asked.value.ok) {
      const { reason, retryAfterMs } = asked.value;
      if (reason !== 'push-tests') return refused(c, reason);
      const { burst, perMs } = PUSH_TESTS;
      return tooMany(c, reason, { quota: burst, windowMs: perMs * burst, retryAfterMs: Number(retryAfterMs) });
    }
    const { subscription, tag } = asked.value;
    const { outcome } = await port.send(subscription, { tag, until: now() + PUSH_TEST_LIFE_MS }, now());
    if (outcome === 'gone') {
      const told = await ask(c, device, { do: 'push-gone', subscription });
      if (!told.ok) return told.response;
    }
    return c.json({ outcome, tag } satisfies PushTestReply);
  });
