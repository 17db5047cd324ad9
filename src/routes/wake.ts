import { ask, callOf, deviceOf } from '../http/ask.ts';
import { json } from '../http/body.ts';
import { type AppContext, factory } from '../http/context.ts';
import { greet, helloNonce, NEXT_NONCE_MS } from '../http/greeting.ts';
import { iceServers } from '../http/ice.ts';
import { expectation } from '../http/identity.ts';
import { problem } from '../http/problem.ts';
import { ofActor } from '../http/refusals.ts';
import type { CallView } from '../calls/view.ts';
import type { Party } from '../protocol/call.ts';
import type { DeliverFrame } from '../protocol/courier.ts';
import { WakeRequest } from '../protocol/push.ts';

interface Woken {
  readonly calls: readonly string[];
  readonly envelopes: readonly DeliverFrame[];
}

/** A call as the device sees it; a call that has gone is left out. Undefined: not known, so the answer would be a lie. */
async function look(c: AppContext, call: string, party: Party): Promise<CallView | null | undefined> {
  const asked = await ask<{ view: CallView }>(c, callOf(call), { do: 'look', party });
  if (!asked.ok) return undefined;
  return asked.value.ok ? asked.value.view : null;
}

/** One request of a device that a push woke: what rings, what waits for it, who relays. A hello proves who asks. */
export const waking = factory.createApp().post('/v1/wake', async (c) => {
  const read = await json(c, WakeRequest);
  if (!read.ok) return read.response;
  const { services } = c.var;
  const greeted = await greet(c, read.value.hello, expectation(services, services.now()));
  if (!greeted.ok) return greeted.response;
  const { account, device, ...greeting } = greeted.greeting;
  const command = { do: 'wake', account, ...greeting, tag: read.value.tag ?? null };
  const asked = await ask<Woken>(c, deviceOf(device), command);
  if (!asked.ok) return asked.response;
  if (!asked.value.ok) {
    const { slug, reason } = ofActor(asked.value.reason);
    return problem(c, slug, reason);
  }
  const { calls: named, envelopes } = asked.value;
  const seen = await Promise.all(named.map((call) => look(c, call, { account, device })));
  if (seen.includes(undefined)) return problem(c, 'unavailable', 'unavailable');
  const calls = seen.filter((view) => view !== null && view !== undefined);
  const rings = calls.find(({ state, leg }) => state === 'ringing' && leg !== null);
  // Without relays a call may still connect: what cannot be had is left out.
  const ice = rings ? await iceServers(c, account, rings.call) : null;
  const nextNonce = helloNonce(services, device, NEXT_NONCE_MS);
  c.header('Cache-Control', 'no-store');
  return c.json({ calls, envelopes, ice: ice?.ok ? ice.reply : null, nextNonce, serverNow: services.now() });
});
