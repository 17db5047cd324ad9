import { COURIER_TAG } from '../actors/device/device.ts';
import { ask, deviceOf } from '../http/ask.ts';
import { authenticated } from '../http/authenticated.ts';
import { json } from '../http/body.ts';
import { factory } from '../http/context.ts';
import { greet, helloNonce, NEXT_NONCE_MS } from '../http/greeting.ts';
import { dormantExpectation } from '../http/identity.ts';
import { limited } from '../http/limited.ts';
import { problem } from '../http/problem.ts';
import { ofActor } from '../http/refusals.ts';
import { subprotocols, turnAway, upgrade, upgradeRefusal } from '../http/upgrade.ts';
import { COURIER_PROTOCOL, PushToken } from '../protocol/courier.ts';

const NONCE_MS = 300_000;

/** The one live connection of a device. Everything is verified here; strangers wake no object. */
export const courier = factory
  .createApp()
  .get('/v1/courier/nonce', limited('challenges'), (c) =>
    c.json({ nonce: helloNonce(c.var.services, null, NONCE_MS), serverNow: c.var.services.now() }),
  )
  .put('/v1/courier/token', authenticated, async (c) => {
    const read = await json(c, PushToken);
    if (!read.ok) return read.response;
    const asked = await ask(c, deviceOf(c.var.caller.device), { do: 'push-token', ...read.value });
    if (!asked.ok) return asked.response;
    if (asked.value.ok) return c.json(read.value);
    const { slug, reason } = ofActor(asked.value.reason);
    return problem(c, slug, reason);
  })
  .get('/v1/courier', limited('sockets'), async (c) => {
    const refused = upgradeRefusal(c);
    if (refused) return refused;
    const [protocol, jws] = subprotocols(c);
    if (protocol !== COURIER_PROTOCOL || jws === undefined) return problem(c, 'bad-request', 'subprotocol');
    const { services } = c.var;
    const greeted = await greet(c, jws, dormantExpectation(services, services.now()));
    if (!greeted.ok) return greeted.code === null ? greeted.response : turnAway(c, protocol, greeted.code);
    const { greeting, hello, notAfter } = greeted;
    const { device } = greeting;
    const body = {
      do: 'courier',
      ...greeting,
      box: hello.box,
      lastSeq: hello.lastSeq,
      notAfter,
      nextNonce: helloNonce(services, device, NEXT_NONCE_MS),
    };
    return upgrade(c, deviceOf(device), { tags: [COURIER_TAG], body, protocol });
  });
